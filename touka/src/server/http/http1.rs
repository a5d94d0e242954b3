//! HTTP/1.1 connections.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exit::Exit;
use super::grace;
use super::pieces::Piece;
use crate::server::race::{First, race};
use crate::server::state::connection_state::ConnectionState;

/// Serves one connection to its end.
///
/// hyper has no timer here: the transport applies the timeouts of requests, since it distinguishes a slow head
/// from an idle connection, which hyper does not.
pub(in crate::server) fn drive<I, V, B>(
    io: I,
    service: V,
    conn: &ConnectionState,
    exit: &Exit,
) -> impl Future<Output = hyper::Result<()>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body<Data = Piece, Error: Into<Box<dyn StdError + Send + Sync>>> + 'static,
{
    let shared = &conn.shared;
    // Built outside the `async` block: captured arguments would be stored next to the connection.
    let connection = Builder::new()
        // The size of hyper's read and write buffers. It bounds a request's head, and the memory that a client
        // that does not read can occupy.
        .max_buf_size(shared.limits.head_bytes)
        .keep_alive(!conn.overloaded)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    async move {
        let mut connection = pin!(connection);
        // Polled after the connection: a response leaves hyper during the connection's poll.
        let left = poll_fn(|_| if exit.is_taken() { Poll::Ready(()) } else { Poll::Pending });
        let shutdown = shared.handle.shutdown.cancelled();
        match race(race(connection.as_mut(), left), shutdown).await {
            First::Left(First::Left(finished)) => return finished,
            // hyper is dropped here, which returns the socket.
            First::Left(First::Right(())) => return Ok(()),
            First::Right(()) => {}
        }
        // A request may be on its way. Its response will announce that it is the last.
        let requested = poll_fn(|_| if conn.is_busy() { Poll::Ready(()) } else { Poll::Pending });
        if let First::Left(First::Left(finished)) = race(race(connection.as_mut(), requested), grace::over(conn)).await
        {
            return finished;
        }
        if conn.calls() == 0 {
            // No request has arrived, so there is nothing to finish.
            return Ok(());
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }
}
