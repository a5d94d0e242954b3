//! HTTP/2, with or without TLS.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::HttpService;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::grace;
use super::http2_tasks::Tasks;
use super::pieces::Piece;
use crate::server::race::{First, race};
use crate::server::state::connection_state::ConnectionState;

/// The interval of pings, and the timeout of a reply. Over HTTP/1.1, the keep-alive of each stream detects a
/// client that is gone; here one ping serves all streams.
const PING: Duration = Duration::from_secs(20);

/// The bytes that are buffered for one stream whose client does not read.
const SEND_BUFFER: usize = 64 * 1024;

/// The receive windows: how many bytes are accepted before handlers read them, of one body and of all together.
const RECEIVE_WINDOWS: (u32, u32) = (128 * 1024, 256 * 1024);

/// Serves one connection to its end.
pub(in crate::server) async fn drive<I, V, B>(io: I, service: V, conn: &Arc<ConnectionState>) -> hyper::Result<()>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: HttpService<Incoming, ResBody = B, Error = Infallible, Future: Send + 'static>,
    B: Body<Data = Piece, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static,
{
    let shared = &conn.shared;
    let limits = &shared.limits;
    let connection = Builder::new(Tasks { conn: Arc::clone(conn) })
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(limits.streams_per_connection)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .initial_stream_window_size(RECEIVE_WINDOWS.0)
        .initial_connection_window_size(RECEIVE_WINDOWS.1)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    if let First::Left(finished) = race(connection.as_mut(), shared.handle.shutdown.cancelled()).await {
        return finished;
    }
    // A client that has just connected would send no request after a GOAWAY.
    let requested = poll_fn(|_| if conn.calls() > 0 { Poll::Ready(()) } else { Poll::Pending });
    if let First::Left(First::Left(finished)) = race(race(connection.as_mut(), requested), grace::over(conn)).await {
        return finished;
    }
    // Sends a GOAWAY: requests in progress are finished, and the client sends others elsewhere.
    connection.as_mut().graceful_shutdown();
    match race(connection, grace::silence(conn)).await {
        First::Left(finished) => finished,
        First::Right(()) => Ok(()),
    }
}
