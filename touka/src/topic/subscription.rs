//! [`Subscription`], one subscriber of a topic as the source of a stream.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::cursor::{Ahead, Cursor};
use super::gap::lagged;
use super::log::Log;
use super::reading::{FromEvent, Said, value};
use super::shared_log::{SharedLog, State};
use super::waiters::Place;
use crate::event::Event;
use crate::stream::{Failure, FrameBuffer, Out, Source, Step};

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
        // A waker is code of the reader's: it is cloned before the lock, and dropped after it.
        let mut waker = Some(waker.clone());
        let mut state = self.log.lock();
        let State { log, waiters, .. } = &mut *state;
        loop {
            let ahead = self.cursor.step(log);
            if matches!(ahead, Ahead::Nothing)
                && let Some(own) = waker.take()
            {
                waker = waiters.wait(&mut self.place, own);
            }
            if !take(log, ahead) {
                return;
            }
        }
    }

    /// The next thing that the topic has to say.
    fn next(&mut self, waker: &Waker) -> Poll<Result<Said, Step<Failure>>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Ok(Said::Own(*hello)));
        }
        let mut next = Poll::Pending;
        self.read(waker, |log, ahead| {
            next = match ahead {
                Ahead::Event(event) => Poll::Ready(Ok(Said::Event(event.wire()))),
                Ahead::Skipped { from, to } => Poll::Ready(Ok(Said::Own(lagged(log, from, to)))),
                Ahead::Nothing => Poll::Pending,
                Ahead::End(reason, last) => Poll::Ready(Err(Step::closed(reason, last))),
            };
            false
        });
        next
    }

    /// Fills the batch with what the topic has to say.
    fn fill<T>(&mut self, waker: &Waker, batch: &mut FrameBuffer<T>) -> Poll<Step<Failure>> {
        if let Some(hello) = self.hello.take() {
            batch.append_own(&hello);
            return Poll::Ready(Step::Event);
        }
        let mut polled = Poll::Pending;
        self.read(waker, |log, ahead| {
            match ahead {
                Ahead::Event(event) => {
                    batch.append_encoded(event.wire());
                    if !batch.is_full() {
                        return true;
                    }
                    polled = Poll::Ready(Step::Event);
                }
                Ahead::Skipped { from, to } => {
                    batch.append_own(&lagged(log, from, to));
                    polled = Poll::Ready(Step::Event);
                }
                Ahead::Nothing => {}
                Ahead::End(reason, last) => polled = Poll::Ready(Step::closed(reason, last)),
            }
            false
        });
        polled
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.log.leave(&mut self.place);
    }
}

/// A subscription until it is taken out.
#[derive(Debug)]
pub(super) struct Subscribed<T> {
    subscription: Option<Subscription>,
    from_event: FromEvent<T>,
}

impl<T> Subscribed<T> {
    pub(super) const fn new(subscription: Subscription, from_event: FromEvent<T>) -> Self {
        Self { subscription: Some(subscription), from_event }
    }
}

impl<T: 'static> Source<T> for Subscribed<T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let from_event = self.from_event;
        let Some(subscription) = &mut self.subscription else { return Poll::Ready(Step::End) };
        let place = match out {
            Out::Frame(batch) => return subscription.fill(cx.waker(), batch),
            Out::One(place) => place,
        };
        loop {
            let Poll::Ready(said) = subscription.next(cx.waker()) else { return Poll::Pending };
            match said.and_then(|said| value(said, from_event)) {
                Ok(None) => {}
                Ok(event) => {
                    **place = event;
                    return Poll::Ready(Step::Event);
                }
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    fn take_subscription(mut self: Pin<&mut Self>) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(self.subscription.take()?))
    }
}
