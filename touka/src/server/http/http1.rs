//! HTTP/1.1.

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
/// hyper has no timer here: the transport knows how long a client may take for its request, and
/// tells a slow head from an idle connection, which hyper does not.
pub(in crate::server) fn drive<I, V, B>(
    io: I,
    answering: V,
    conn: &ConnectionState,
    exit: &Exit,
) -> impl Future<Output = hyper::Result<()>>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: HttpService<Incoming, ResBody = B, Error = Infallible>,
    B: Body<Data = Piece, Error: Into<Box<dyn StdError + Send + Sync>>> + 'static,
{
    let shared = &conn.shared;
    // Outside of the future, which would keep the room of what goes into this beside it.
    let connection = Builder::new()
        // What hyper holds of one connection in either direction. It bounds a request's head, and
        // what a client that does not read can make the server keep.
        .max_buf_size(shared.limits.head_bytes)
        .keep_alive(!conn.overloaded)
        .serve_connection(TokioIo::new(io), answering)
        .with_upgrades();
    async move {
        let mut connection = pin!(connection);
        // Asked after the connection was: a response leaves within its poll.
        let left = poll_fn(|_| if exit.is_taken() { Poll::Ready(()) } else { Poll::Pending });
        let shutdown = shared.handle.shutdown.cancelled();
        match race(race(connection.as_mut(), left), shutdown).await {
            First::Left(First::Left(finished)) => return finished,
            // Dropped here, hyper gives the socket back.
            First::Left(First::Right(())) => return Ok(()),
            First::Right(()) => {}
        }
        // A request may be on its way. When it has come, its response says that it is the last.
        let asked = poll_fn(|_| if conn.is_busy() { Poll::Ready(()) } else { Poll::Pending });
        if let First::Left(First::Left(finished)) = race(race(connection.as_mut(), asked), grace::over(conn)).await {
            return finished;
        }
        if conn.calls() == 0 {
            // It has not asked for anything yet, so there is nothing to finish.
            return Ok(());
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }
}
