//! [`Subscription`], one subscriber of a topic as the source of a stream.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::cursor::{Ahead, Cursor};
use super::gap::lagged;
use super::log::Log;
use super::shared_log::{SharedLog, State};
use super::waiters::Place;
use crate::event::Event;
use crate::stream::{Failure, Out, Source, Step};

/// A place in a log, and what is to be said before it is read on.
///
/// It counts as a subscriber until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) log: Arc<SharedLog>,
    pub(crate) cursor: Cursor,
    /// Where the subscriber is, or what it has missed.
    hello: Option<Box<Event>>,
    place: Place,
}

impl Subscription {
    /// The caller has counted it.
    pub(super) fn new(log: Arc<SharedLog>, cursor: Cursor, hello: Event) -> Self {
        Self { log, cursor, hello: Some(Box::new(hello)), place: Place::NONE }
    }

    /// It is read by other means from now on, and waits for nothing itself.
    pub(crate) fn stop_waiting(&mut self) {
        self.log.stop_looking(&mut self.place);
    }

    /// Takes steps through the log until `take` has enough, or there is no more: then `waker` is
    /// woken when there is.
    ///
    /// Both happen under one lock, so what is published meanwhile is not missed.
    pub(crate) fn read(&mut self, waker: &Waker, mut take: impl FnMut(&Log, Ahead<'_>) -> bool) {
        let mut state = self.log.lock();
        let State { log, waiters, .. } = &mut *state;
        loop {
            let ahead = self.cursor.step(log);
            if matches!(ahead, Ahead::Nothing) {
                waiters.wait(&mut self.place, waker);
            }
            if !take(log, ahead) {
                return;
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.log.leave(&mut self.place);
    }
}

/// A subscription until it is taken out.
#[derive(Debug)]
pub(super) struct Subscribed(pub(super) Option<Subscription>);

impl<T: 'static> Source<T> for Subscribed {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let Some(subscription) = &mut self.0 else { return Poll::Ready(Step::End) };
        if let Some(hello) = subscription.hello.take()
            && out.takes(&hello)
        {
            return Poll::Ready(if out.put_own(*hello) { Step::Event } else { unreadable() });
        }
        let mut polled = Poll::Pending;
        subscription.read(cx.waker(), |log, ahead| {
            match ahead {
                Ahead::Event(event) => {
                    if !out.put_encoded(event.wire()) {
                        polled = Poll::Ready(unreadable());
                    } else if out.is_full() {
                        polled = Poll::Ready(Step::Event);
                    } else {
                        return true;
                    }
                }
                Ahead::Skipped { from, to } => {
                    let gap = lagged(log, from, to);
                    polled = Poll::Ready(if out.put_own(gap) { Step::Event } else { unreadable() });
                }
                Ahead::Nothing => {}
                Ahead::End(reason, last) => polled = Poll::Ready(Step::closed(reason, last)),
            }
            false
        });
        polled
    }

    fn take_subscription(mut self: Pin<&mut Self>) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(self.0.take()?))
    }
}

/// The log keeps bytes, and bytes make an [`Event`] again, but no value of another type.
pub(super) fn unreadable() -> Step<Failure> {
    tracing::error!(
        target: "touka::topic",
        "a typed subscription was read as a `Stream`: it is for the wire only; read the topic as `Topic<Event>`"
    );
    Step::End
}
