//! The tasks of HTTP/2: one for each request, with an eye on whether its client takes the answer.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::client::{Busy, Client};
use super::meter;
use crate::error::CloseReason;
use crate::stream::Link;

tokio::task_local! {
    static HANDOVER: Handover;
}

/// Where the body that a task writes stands.
///
/// A socket that takes bytes says nothing of one HTTP/2 stream: the client can refuse to take that
/// one alone. hyper then does not ask the body for more, and this is how it shows.
#[derive(Debug)]
struct Handover {
    /// A frame was handed over, and the body was not asked for another since.
    handed: Cell<bool>,
    /// How often the body was asked.
    asked: Cell<u64>,
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

/// The body was asked for a frame, and had one or not.
pub(super) fn asked(handed: bool) {
    let _ = HANDOVER.try_with(|handover| {
        handover.asked.set(handover.asked.get().wrapping_add(1));
        handover.handed.set(handed);
    });
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
            handed: Cell::new(false),
            asked: Cell::new(0),
            longest: Cell::new(self.client.serving.limits.write_time),
            link: RefCell::new(None),
        };
        let watched = Watched { future, since: None, timer: None, _busy: self.client.busy() };
        tokio::spawn(HANDOVER.scope(handover, watched));
    }
}

pin_project! {
    /// Ends when the future does, or when the client has taken nothing for too long: then the
    /// future is dropped, and hyper resets the stream.
    struct Watched<F> {
        #[pin]
        future: F,
        // Since when the client takes nothing, and how often the body was asked until then.
        since: Option<(u64, Instant)>,
        timer: Option<Pin<Box<Sleep>>>,
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
            if !handover.handed.get() {
                (*this.since, *this.timer) = (None, None);
                return Poll::Pending;
            }
            let asked = handover.asked.get();
            let since = match *this.since {
                Some((then, since)) if then == asked => since,
                _ => {
                    meter::waited();
                    this.since.insert((asked, Instant::now())).1
                }
            };
            // A limit that is past the end of the clock is none.
            let Some(deadline) = since.checked_add(handover.longest.get()) else { return Poll::Pending };
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(cx));
            if let Some(link) = &*handover.link.borrow() {
                link.close(CloseReason::Stalled);
            }
            Poll::Ready(())
        })
    }
}
