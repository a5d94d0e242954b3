//! [`HandleLayer`], which gives a handle the streams of another server.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::handle::Handle;
use super::open_streams::bounded;
use super::shared::Shared;
use crate::extract::{MatchedPath, peer};
use crate::response::StreamExtension;
use crate::server::state::call::Call;
use crate::server::state::connection_state::ConnectionState;
use crate::server::stream::body::ServerBody;
use crate::server::stream::content_type::is_event_stream;

/// A tower layer that lists the event streams that pass through it, and ends them on request of its [`Handle`].
/// Created by [`Handle::layer`].
///
/// ```
/// use touka::server::Handle;
///
/// let handle = Handle::new();
/// let app: axum::Router = axum::Router::new().layer(handle.layer());
/// assert_eq!(handle.count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct HandleLayer {
    shared: Arc<Shared>,
}

impl Handle {
    /// Returns a tower layer that gives this handle the event streams of an app that another server serves.
    ///
    /// At a graceful shutdown axum's server waits until every response has ended, and nothing ends an event
    /// stream: the server waits for as long as a client stays. A handle's [`shutdown`](Self::shutdown) ends
    /// each stream that has come through the layer as touka's server does: after the current event, with a
    /// `retry:`, spread over up to five seconds. Streams of other libraries are recognized by their content
    /// type.
    ///
    /// ```no_run
    /// use touka::server::Handle;
    ///
    /// # async fn run(app: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// let handle = Handle::new();
    /// let app = app.layer(handle.layer());
    /// axum::serve(listener, app)
    ///     .with_graceful_shutdown(async move {
    ///         let _ = tokio::signal::ctrl_c().await;
    ///         handle.shutdown();
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// [`streams`](Self::streams), [`count`](Self::count) and [`close`](Self::close) work as in touka's server.
    /// Limits do not apply: the connections are the other server's. A subscription of a topic that comes
    /// through the layer is not parked. In touka's own server the layer is not needed.
    pub fn layer(&self) -> HandleLayer {
        HandleLayer { shared: Arc::new(Shared { handle: self.clone(), ..Shared::new() }) }
    }
}

impl<S> Layer<S> for HandleLayer {
    type Service = Handled<S>;

    fn layer(&self, inner: S) -> Handled<S> {
        Handled { inner, shared: Arc::clone(&self.shared) }
    }
}

/// The service of a [`HandleLayer`].
#[derive(Clone, Debug)]
pub struct Handled<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, R, B> Service<Request<R>> for Handled<S>
where
    S: Service<Request<R>, Response = http::Response<B>>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Handling<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let request_info = RequestInfo {
            path: bounded(request.uri().path()).into(),
            route: MatchedPath::from_extensions(request.extensions()),
            peer: peer(request.extensions()),
            shared: Arc::clone(&self.shared),
        };
        Handling { inner: self.inner.call(request), request_info }
    }
}

/// The parts of a request that are recorded with its stream.
#[derive(Debug)]
struct RequestInfo {
    path: Box<str>,
    route: Option<MatchedPath>,
    peer: Option<SocketAddr>,
    shared: Arc<Shared>,
}

impl RequestInfo {
    fn watch(&mut self, mut response: Response) -> Response {
        if !is_event_stream(response.headers()) {
            return response;
        }
        // The body is watched here, so the server must not take it out of the response.
        StreamExtension::take_ticket(response.extensions_mut());
        if let Some(route) = self.route.take() {
            route.record_outer(response.extensions_mut());
        }
        // The connection belongs to another server: this state stands in for it.
        let call = Call::begin(&ConnectionState::new(Arc::clone(&self.shared), self.peer, false));
        ServerBody::wrap(response, None, call, &self.path, false).map(Body::new)
    }
}

pin_project! {
    /// The future of [`Handled`].
    #[derive(Debug)]
    pub struct Handling<F> {
        #[pin]
        inner: F,
        request_info: RequestInfo,
    }
}

impl<F, B, E> Future for Handling<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(this.request_info.watch(response.map(Body::new))))
    }
}
