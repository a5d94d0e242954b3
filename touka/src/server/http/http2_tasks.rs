//! The tasks of HTTP/2 requests, which apply the write timeouts of the responses.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::Executor;
use pin_project_lite::pin_project;

use crate::error::CloseReason;
use crate::server::io::write_timer::WriteTimer;
use crate::server::state::call::Busy;
use crate::server::state::connection_state::ConnectionState;
use crate::server::state::http2_response::Http2Response;

/// Spawns hyper's tasks. Each writes a response, or the bytes of a tunnel that a CONNECT has opened. The tasks end
/// with their connection, which is not idle while one of them runs.
#[derive(Clone, Debug)]
pub(in crate::server) struct Tasks {
    pub(in crate::server) conn: Arc<ConnectionState>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let watched = Watched { future, timer: None, _busy: Busy::begin(&self.conn) };
        tokio::spawn(Http2Response::scope(self.conn.shared.limits.write_time, watched));
    }
}

pin_project! {
    /// Completes with the future, or when the write timeout has passed: then the future is dropped, and hyper
    /// resets the stream.
    struct Watched<F> {
        #[pin]
        future: F,
        // Set while the client takes nothing. Boxed, since most clients are never waited for.
        timer: Option<Box<WriteTimer>>,
        // Dropped after the future.
        _busy: Busy,
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.future.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some((since, write_timeout)) = Http2Response::waiting_since() else {
            *this.timer = None;
            return Poll::Pending;
        };
        let timer = this.timer.get_or_insert_with(|| Box::new(WriteTimer::begin(since, write_timeout)));
        timer.restart(since);
        ready!(timer.poll_expired(cx));
        Http2Response::close(CloseReason::Stalled);
        Poll::Ready(())
    }
}
