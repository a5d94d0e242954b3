//! [`Endpoint`], a service with its type erased.

use std::any::TypeId;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, Poll};

use axum_core::BoxError;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use tower_service::Service;

use crate::response::{StreamExtension, answer};
use crate::server::add_axum_routes;

pub(super) type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The service that the layers of a [`Router`](super::Router) wrap. It answers every request.
///
/// ```
/// use touka::Router;
/// use touka::routing::Endpoint;
/// use tower_layer::{Layer, layer_fn};
///
/// /// A layer that changes nothing. A layer of tower-http is used in the same way.
/// fn nothing() -> impl Layer<Endpoint, Service = Endpoint> + Send + Sync + 'static {
///     layer_fn(|inner: Endpoint| inner)
/// }
///
/// let app: Router = Router::new().layer(nothing());
/// ```
#[derive(Clone)]
pub struct Endpoint(Arc<dyn Fn(Request) -> ResponseFuture + Send + Sync>);

impl Endpoint {
    pub(super) fn new(answer: impl Fn(Request) -> ResponseFuture + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// Wraps a service. Each request gets a clone of its own, so that a clone that is not ready delays no other
    /// request.
    ///
    /// The service may wrap the bodies of its responses in a way that is not known here, so none of them is parked.
    pub(super) fn from_service<V>(service: V) -> Self
    where
        V: Service<Request, Response: IntoResponse, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let service = add_axum_routes(service);
        Self::new(move |request| {
            let answer = answer(service.clone(), request);
            Box::pin(async {
                let mut response = answer.await;
                StreamExtension::take_ticket(response.extensions_mut());
                response
            })
        })
    }

    /// Wraps a layer's service. If the type of its responses says that bodies are left as they are, a body that
    /// can be parked still can.
    pub(super) fn from_layer<V>(service: V) -> Self
    where
        V: Service<Request, Response: IntoResponse + 'static, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        if TypeId::of::<V::Response>() == TypeId::of::<Response>() {
            Self::new(move |request| Box::pin(answer(service.clone(), request)))
        } else {
            Self::from_service(service)
        }
    }

    pub(super) fn answer(&self, request: Request) -> ResponseFuture {
        (self.0)(request)
    }
}

impl Service<Request> for Endpoint {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> RouteFuture {
        RouteFuture { response: self.answer(request), vouch: None }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

/// A response that is known already.
pub(super) fn ready(response: Response) -> ResponseFuture {
    Box::pin(std::future::ready(response))
}

/// The future of a [`Router`](super::Router)'s or an [`Endpoint`]'s response.
#[must_use = "nothing is answered unless this is awaited"]
pub struct RouteFuture {
    pub(super) response: ResponseFuture,
    /// The type of the service that vouches for the response: its body is that of the handler, unwrapped.
    pub(super) vouch: Option<TypeId>,
}

impl Future for RouteFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = task::ready!(self.response.as_mut().poll(cx));
        if let Some(service) = self.vouch {
            StreamExtension::vouch(response.extensions_mut(), service);
        }
        Poll::Ready(Ok(response))
    }
}

impl fmt::Debug for RouteFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteFuture").finish_non_exhaustive()
    }
}
