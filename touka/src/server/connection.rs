//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::Response;
use bytes::Bytes;
use http::header::HOST;
use http::{StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::drain::Drain;
use super::explain::explain;
use super::transport::{Shared, Transport};
use crate::response::{answer, refusal};

/// The most that hyper holds of one connection in either direction. It bounds a request's head,
/// and what a client that does not read can make the server keep.
const MOST_BUFFERED: usize = 64 * 1024;

/// A service that a connection can be served with.
pub(crate) trait Serve:
    Service<Request, Response = http::Response<Self::Body>> + Clone + Send + 'static
{
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<V, B> Serve for V
where
    V: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}

/// What a connection can run over: a socket, or what stands for one in a test.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for I {}

/// Serves one connection until its client leaves, or until the shutdown has ended its streams. It
/// holds the shutdown's deadline itself, so that it ends in time even where nobody waits for it
/// any more.
pub(crate) async fn serve<I, V>(io: I, service: V, shutdown: CancellationToken, longest: Duration)
where
    I: Io,
    V: Serve<Error: Into<BoxError>, Future: Send>,
{
    let deadline = async {
        shutdown.cancelled().await;
        tokio::time::sleep(longest).await;
    };
    tokio::select! {
        () = serve_to_the_end(io, service, &shutdown) => {}
        () = deadline => {}
    }
}

async fn serve_to_the_end<I, V>(io: I, service: V, shutdown: &CancellationToken)
where
    I: Io,
    V: Serve<Error: Into<BoxError>, Future: Send>,
{
    let (transport, shared) = Transport::new(io);
    let finished = drive(transport, &shared, service, shutdown).await;
    let Err(error) = finished else { return };
    match shared.take() {
        Some(io) if shared.is_fresh() => explain(io, &error).await,
        // A client that leaves in the middle of a stream is no error: it is how streams end.
        _ => tracing::debug!(target: "touka::server", %error, "connection closed"),
    }
}

async fn drive<I, V>(
    transport: Transport<I>,
    shared: &Arc<Shared<I>>,
    service: V,
    shutdown: &CancellationToken,
) -> hyper::Result<()>
where
    I: Io,
    V: Serve<Error: Into<BoxError>, Future: Send>,
{
    let answer = service_fn(move |request: http::Request<Incoming>| {
        shared.call();
        let service = service.clone();
        async move {
            let response = ask(service, request).await;
            shared.watch(response.extensions());
            Ok::<_, Infallible>(Drain::wrap(response, shutdown))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(MOST_BUFFERED)
        .serve_connection(TokioIo::new(transport), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        finished = connection.as_mut() => return finished,
        () = shutdown.cancelled() => {}
    }
    if shared.is_fresh() {
        // It has not asked for anything yet, so there is nothing to finish.
        return Ok(());
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

/// The service's answer, or the reason why it was not asked.
async fn ask<V: Serve<Error: Into<BoxError>>>(service: V, request: http::Request<Incoming>) -> Response {
    match host_fault(&request) {
        Some(fault) => refusal(StatusCode::BAD_REQUEST, fault),
        None => answer(service, request.map(Body::new)).await,
    }
}

/// Without this check two proxies could disagree about whom a request is for.
fn host_fault<B>(request: &http::Request<B>) -> Option<&'static str> {
    let hosts = request.headers().get_all(HOST).iter().count();
    match (request.version(), hosts) {
        (_, 2..) => Some("the request has more than one Host header"),
        (Version::HTTP_11, 0) => Some("the request has no Host header"),
        _ => None,
    }
}
