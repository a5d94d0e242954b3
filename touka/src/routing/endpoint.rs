//! [`Endpoint`], any service with its type forgotten.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::BoxError;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use tower_service::Service;

use crate::response::answer;

pub(super) type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What a [`Router`](super::Router)'s layers wrap: a service that answers every request.
#[derive(Clone)]
pub struct Endpoint(Arc<dyn Fn(Request) -> ResponseFuture + Send + Sync>);

impl Endpoint {
    pub(super) fn new(answer: impl Fn(Request) -> ResponseFuture + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// Wraps a service. Each request has a clone of it to itself, so that one that is not ready
    /// makes nobody else wait.
    pub(super) fn from_service<V>(service: V) -> Self
    where
        V: Service<Request, Response: IntoResponse, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self::new(move |request| Box::pin(answer(service.clone(), request)))
    }

    pub(super) fn answer(&self, request: Request) -> ResponseFuture {
        (self.0)(request)
    }
}

impl Service<Request> for Endpoint {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answer {
        Answer(self.answer(request))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

/// The future of a [`Router`](super::Router)'s or [`Endpoint`]'s answer.
#[must_use = "nothing is answered unless this is awaited"]
pub struct Answer(pub(super) ResponseFuture);

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}
