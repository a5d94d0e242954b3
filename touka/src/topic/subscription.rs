//! [`Subscription`], one subscriber of a topic as the source of a stream.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::cursor::{Ahead, Cursor, lagged};
use super::end_test::EndTest;
use super::log::Log;
use super::reading::{FromEvent, Reader, TopicItem, poll_value};
use super::shared_log::{LogState, SharedLog};
use super::waiters::WaiterSlot;
use crate::event::Event;
use crate::stream::{Failure, FrameBuffer, Out, Source, Step};

/// A position in a log, and the event that the stream opens with.
///
/// Counts as a subscriber of the topic until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) log: Arc<SharedLog>,
    pub(crate) cursor: Cursor,
    /// The position or the gap that is sent before any published event. `None` once it is sent.
    opening: Option<Box<Event>>,
    slot: WaiterSlot,
}

impl Subscription {
    /// The caller has incremented the number of subscribers.
    pub(super) fn new(log: Arc<SharedLog>, cursor: Cursor, opening: Event) -> Self {
        Self { log, cursor, opening: Some(Box::new(opening)), slot: WaiterSlot::NONE }
    }

    /// Removes the waker from the log. From now on the caller reads by other means.
    pub(crate) fn unregister_waker(&mut self) {
        self.log.unregister(&mut self.slot);
    }

    /// Takes steps through the log until `take` returns false. At the end of the log, `waker` is registered.
    ///
    /// Both happen under one lock, so an event that is published meanwhile is not missed.
    pub(crate) fn read(&mut self, waker: &Waker, mut take: impl FnMut(&Log, Ahead<'_>) -> bool) {
        // A waker is the reader's code: it is cloned before the lock is taken and dropped after its release.
        let mut waker = Some(waker.clone());
        let mut state = self.log.lock();
        let LogState { log, waiters, .. } = &mut *state;
        loop {
            let ahead = self.cursor.step(log);
            if matches!(ahead, Ahead::Nothing)
                && let Some(own) = waker.take()
            {
                waker = waiters.wait(&mut self.slot, own);
            }
            if !take(log, ahead) {
                return;
            }
        }
    }

    /// Fills the buffer with events.
    fn fill<T>(&mut self, waker: &Waker, buffer: &mut FrameBuffer<T>) -> Poll<Step<Failure>> {
        if let Some(opening) = self.opening.take() {
            buffer.append_own(&opening);
            return Poll::Ready(Step::Event);
        }
        let mut polled = Poll::Pending;
        self.read(waker, |log, ahead| {
            match ahead {
                Ahead::Event(event) => {
                    buffer.append_encoded(event.wire());
                    if !buffer.is_full() {
                        return true;
                    }
                    polled = Poll::Ready(Step::Event);
                }
                Ahead::Skipped { from, to } => {
                    buffer.append_own(&lagged(log, from, to));
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

impl Reader for Subscription {
    fn poll_item(&mut self, waker: &Waker) -> Poll<Result<TopicItem, Step<Failure>>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Ok(TopicItem::Notice(*opening)));
        }
        let mut next = Poll::Pending;
        self.read(waker, |log, ahead| {
            next = match ahead {
                Ahead::Event(event) => Poll::Ready(Ok(TopicItem::Published(event.wire()))),
                Ahead::Skipped { from, to } => Poll::Ready(Ok(TopicItem::Notice(lagged(log, from, to)))),
                Ahead::Nothing => Poll::Pending,
                Ahead::End(reason, last) => Poll::Ready(Err(Step::closed(reason, last))),
            };
            false
        });
        next
    }

    fn into_parts(self, test: EndTest) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(TakenSubscription { subscription: self, test: Some(test) }))
    }
}

/// The parts of a stream that follows one topic and does nothing else, which a server takes out of it.
#[derive(Debug)]
pub(crate) struct TakenSubscription {
    pub(crate) subscription: Subscription,
    /// The test for the last event, if the stream has one.
    pub(crate) test: Option<EndTest>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.log.leave(&mut self.slot);
    }
}

/// The source of a stream that follows one topic, until the server takes the subscription out of it.
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
        match out {
            Out::Frame(buffer) => subscription.fill(cx.waker(), buffer),
            Out::One(value) => poll_value(subscription, cx.waker(), from_event, value),
        }
    }

    fn take_subscription(mut self: Pin<&mut Self>) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(TakenSubscription { subscription: self.subscription.take()?, test: None }))
    }
}
