//! The tasks of HTTP/2: one for each request, with an eye on whether its client takes the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::Executor;
use pin_project_lite::pin_project;

use crate::error::CloseReason;
use crate::server::io::waiting::Patience;
use crate::server::state::call::Busy;
use crate::server::state::connection_state::ConnectionState;
use crate::server::state::http2_response::Http2Response;

/// Spawns the tasks that hyper asks for. They end by themselves when their connection does, which is
/// not idle while one of them runs: a task writes a response, or what goes into a tunnel that a
/// CONNECT has opened.
#[derive(Clone, Debug)]
pub(in crate::server) struct Tasks {
    pub(in crate::server) conn: Arc<ConnectionState>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let watched = Watched { future, patience: None, _busy: Busy::begin(&self.conn) };
        tokio::spawn(Http2Response::scope(self.conn.shared.limits.write_time, watched));
    }
}

pin_project! {
    /// Ends when the future does, or when the client has taken nothing for too long: then the
    /// future is dropped, and hyper resets the stream.
    struct Watched<F> {
        #[pin]
        future: F,
        // There while the client has to be waited for. Boxed: most take what they get.
        patience: Option<Box<Patience>>,
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
            *this.patience = None;
            return Poll::Pending;
        };
        let patience = this.patience.get_or_insert_with(|| Box::new(Patience::begin(since, write_timeout)));
        patience.took(since);
        ready!(patience.poll_over(cx));
        Http2Response::close(CloseReason::Stalled);
        Poll::Ready(())
    }
}
