//! [`App`], the services that a server can serve.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::BoxError;
use axum_core::extract::Request;
use bytes::Bytes;
use tower_service::Service;

use super::axum_routes;
use crate::extract::peer;

/// A service that a server can serve: one that answers requests, or one that makes such services.
///
/// - A service of requests: a [`Router`](crate::Router), an `axum::Router`, or a service of your own. It is
///   cloned for each request.
/// - A service of addresses, whose responses are services of requests: the results of axum's
///   `into_make_service` and `into_make_service_with_connect_info::<SocketAddr>`. It is called for each request
///   with the client's address, because behind a proxy one connection carries the requests of many clients. For
///   a client of a Unix socket, which has no address, it is called with `0.0.0.0:0`.
///
/// `Kind` distinguishes the two, and is inferred by the compiler.
///
/// ```no_run
/// use std::net::SocketAddr;
/// use touka::Server;
/// use touka::server::App;
///
/// /// Serves any app with the settings of this program.
/// async fn run<Kind>(app: impl App<Kind>) -> touka::Result<()> {
///     Server::new().max_connections(1_000).serve("127.0.0.1:3000", app).await
/// }
///
/// # async fn all() -> touka::Result<()> {
/// run(touka::Router::new()).await?;
/// run(axum::Router::new()).await?;
/// run(axum::Router::new().into_make_service_with_connect_info::<SocketAddr>()).await
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served",
    label = "not an app",
    note = "serve a `touka::Router`, an `axum::Router`, or any `Service<Request>` that is `Clone + Send`, whose response is an `http::Response`",
    note = "a router whose handlers still need a state cannot be served: provide it with `with_state`",
    note = "the result of axum's `into_make_service_with_connect_info` can be served if it is for `SocketAddr`"
)]
pub trait App<Kind>: sealed::Sealed<Kind> {
    /// The body of the service's responses.
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// The service that answers requests.
    type Service: Service<Request, Response = http::Response<Self::Body>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static;

    /// Converts the app into the service that answers requests.
    fn into_service(self) -> Self::Service;
}

mod sealed {
    pub trait Sealed<Kind> {}
}

/// `Kind` of a service that answers requests with bodies of type `B`.
#[derive(Debug)]
pub struct Answers<B>(PhantomData<B>, Infallible);

/// `Kind` of a service that makes services, which answer requests with bodies of type `B`.
#[derive(Debug)]
pub struct Makes<S, B>(PhantomData<(S, B)>, Infallible);

impl<V, B> sealed::Sealed<Answers<B>> for V where V: Service<Request, Response = http::Response<B>> {}

#[diagnostic::do_not_recommend]
impl<V, B> App<Answers<B>> for V
where
    V: Service<Request, Response = http::Response<B>, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Service = V;

    fn into_service(self) -> V {
        axum_routes::add_axum_routes(self)
    }
}

impl<M, S, B> sealed::Sealed<Makes<S, B>> for M where M: Service<SocketAddr, Response = S> {}

#[diagnostic::do_not_recommend]
impl<M, S, B> App<Makes<S, B>> for M
where
    M: Service<SocketAddr, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Request, Response = http::Response<B>, Error: Into<BoxError>, Future: Send> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Service = Made<M>;

    fn into_service(self) -> Made<M> {
        Made(axum_routes::add_axum_routes_to_make(self))
    }
}

/// A service that makes a service for each request and calls it.
#[derive(Clone)]
pub struct Made<M>(M);

impl<M, S, B> Service<Request> for Made<M>
where
    M: Service<SocketAddr, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Request, Response = http::Response<B>, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    type Response = http::Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        const NO_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let made = self.0.call(peer(request.extensions()).unwrap_or(NO_ADDRESS));
        Box::pin(async move {
            let mut service = made.await.map_err(Into::into)?;
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            service.call(request).await.map_err(Into::into)
        })
    }
}

impl<M> fmt::Debug for Made<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").finish_non_exhaustive()
    }
}
