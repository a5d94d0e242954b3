//! The tasks of HTTP/2: one for each request, with an eye on whether its client takes the answer.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;

use super::call::Busy;
use super::client::Client;
use super::sent::Sent;
use super::waiting::Patience;
use crate::error::CloseReason;
use crate::stream::Link;

tokio::task_local! {
    static HANDOVER: Handover;
}

/// Where the body that a task writes stands.
#[derive(Debug)]
struct Handover {
    /// hyper has a piece of the body, and has not asked for more since: it waits until the client
    /// allows more bytes.
    waits: Cell<bool>,
    sent: RefCell<Option<Arc<Sent>>>,
    longest: Cell<Duration>,
    link: RefCell<Option<Link>>,
}

/// The body of this task's response shall be taken within that time. Over HTTP/1.1, where the
/// socket itself tells, there is no such task, and nothing happens.
pub(super) fn watch(link: &Link, longest: Duration) {
    let _ = HANDOVER.try_with(|handover| {
        handover.longest.set(longest);
        handover.link.replace(Some(link.clone()));
    });
}

/// This counts what leaves of this task's response.
pub(super) fn counts(sent: &Arc<Sent>) {
    let _ = HANDOVER.try_with(|handover| handover.sent.replace(Some(Arc::clone(sent))));
}

/// Notes whether hyper has a piece of the body in its hand.
pub(super) fn waits(waits: bool) {
    let _ = HANDOVER.try_with(|handover| handover.waits.set(waits));
}

/// Spawns the tasks that hyper asks for. They end by themselves when their connection does, which is
/// not idle while one of them runs: a task writes a response, or what goes into a tunnel that a
/// CONNECT has opened.
#[derive(Clone, Debug)]
pub(super) struct Tasks {
    pub(super) client: Arc<Client>,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let handover = Handover {
            waits: Cell::new(false),
            sent: RefCell::new(None),
            longest: Cell::new(self.client.serving.limits.write_time),
            link: RefCell::new(None),
        };
        let watched = Watched { future, patience: None, _busy: Busy::begin(&self.client) };
        tokio::spawn(HANDOVER.scope(handover, watched));
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
        HANDOVER.with(|handover| {
            if !handover.waits.get() {
                *this.patience = None;
                return Poll::Pending;
            }
            let Some(still_since) = handover.sent.borrow().as_ref().map(|sent| sent.still_since()) else {
                return Poll::Pending;
            };
            let begin = || Box::new(Patience::begin(still_since, handover.longest.get()));
            let patience = this.patience.get_or_insert_with(begin);
            patience.took(still_since);
            ready!(patience.poll_over(cx));
            if let Some(link) = &*handover.link.borrow() {
                link.close(CloseReason::Stalled);
            }
            Poll::Ready(())
        })
    }
}
