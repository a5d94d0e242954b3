//! [`Subscription`], one subscriber of a topic as the source of a stream.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::cursor::{Ahead, Cursor, skipped};
use super::end_test::EndTest;
use super::engine::HubEngine;
use super::gap::Gap;
use super::history::History;
use super::position::Position;
use super::reading::{FromEvent, Notice, Reader, TopicItem, poll_value};
use super::role::Role;
use super::shared_log::{LogState, SharedLog};
use super::waiters::WaiterSlot;
use crate::error::CloseReason;
use crate::event::EventId;
use crate::stream::{Failure, FrameBuffer, Out, Source, Step};

/// A position in a log, and what the stream opens with.
///
/// Counts as a subscriber of the topic until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) log: Arc<SharedLog>,
    pub(crate) cursor: Cursor,
    engine: Arc<HubEngine>,
    /// Events from before the log's tail, while the subscriber has not read them.
    history: Option<Box<History>>,
    /// The position or the gap that is sent before any published event. `None` once it is sent.
    opening: Option<Box<Notice>>,
    slot: WaiterSlot,
}

impl Subscription {
    /// The caller has incremented the number of subscribers.
    pub(super) fn new(
        log: Arc<SharedLog>,
        cursor: Cursor,
        engine: Arc<HubEngine>,
        history: Option<Box<History>>,
    ) -> Self {
        Self { log, cursor, engine, history, opening: None, slot: WaiterSlot::NONE }
    }

    /// Sets what the stream opens with.
    pub(super) fn set_opening(&mut self, opening: Notice) {
        self.opening = Some(Box::new(opening));
    }

    /// Whether the next events are not in the log. Then a server cannot read them without the stream.
    pub(super) fn has_history(&self) -> bool {
        self.history.is_some()
    }

    /// Moves to the newest event, and returns the position.
    pub(super) fn restart_at_head(&mut self) -> Position {
        self.history = None;
        self.cursor.restart(&self.log.lock().log)
    }

    /// Removes the waker from the log. From now on the caller reads by other means.
    pub(crate) fn unregister_waker(&mut self) {
        self.log.unregister(&mut self.slot);
    }

    /// The number of events that the subscriber has not read yet, as far as it is known: there may be more.
    pub(super) fn behind(&self) -> u64 {
        let state = self.log.lock();
        let (events, _) = state.log.behind(self.cursor.seen().offset);
        // Where offsets may be left out, only the events that are in memory are counted.
        if state.log.kept().is_some() { events } else { events + self.history.as_deref().map_or(0, History::ready) }
    }

    /// Takes steps through the log as long as `take` wants more. `take` runs under the log's lock.
    ///
    /// If it waits, `waker` is registered under the same lock, so that an event that is published meanwhile is not missed.
    pub(super) fn read(&mut self, waker: &Waker, mut take: impl FnMut(&LogState, &mut Cursor, Ahead<'_>) -> Want) {
        // A waker is the reader's code: it is cloned before the lock is taken and dropped after its release.
        let mut own = Some(waker.clone());
        let Self { log: shared, cursor, engine, history, slot, .. } = self;
        // The offset up to which the engine has no event that the log does not have.
        let mut empty_until = None;
        // Histories that are not used any more. They may have requests to the engine, whose code must not run under the lock.
        let mut unused = None::<Vec<_>>;
        loop {
            let mut state = shared.lock();
            // The events were replaced: the cursor compares its position with the new ones first.
            if let Some(replaced) = history.take_if(|history| !history.is_of(&state.log)) {
                unused.get_or_insert_default().push(replaced);
                empty_until = None;
            }
            loop {
                let want = if let Some(event) = history.as_deref().and_then(History::peek) {
                    let ahead = cursor.follow(&state.log, event);
                    let is_taken = matches!(ahead, None | Some(Ahead::Event(_)));
                    let want = ahead.map_or(Want::More, |ahead| take(&state, cursor, ahead));
                    if let Some(history) = history.as_deref_mut().filter(|_| is_taken) {
                        history.advance();
                    }
                    want
                } else {
                    match cursor.step(&state.log) {
                        // More events may have left the log meanwhile.
                        Ahead::Behind => match empty_until.take() {
                            Some((until, spared)) if state.log.tail().offset <= until => {
                                cursor.miss(&state.log, spared).map_or(Want::More, |ahead| take(&state, cursor, ahead))
                            }
                            _ => break,
                        },
                        ahead => {
                            if let Some(ended) = history.take() {
                                unused.get_or_insert_default().push(ended);
                            }
                            take(&state, cursor, ahead)
                        }
                    }
                };
                match want {
                    Want::More => {}
                    Want::Enough => return,
                    Want::Wait => {
                        let replaced = own.take().and_then(|own| state.waiters.wait(slot, own));
                        drop(state);
                        drop(replaced);
                        return;
                    }
                }
            }
            let resets = state.log.version().resets;
            drop(state);
            let history = history.get_or_insert_with(|| Box::new(History::empty(resets)));
            match history.poll_page(engine, shared, (cursor.seen().offset, cursor.rule.is_latest()), waker) {
                Poll::Pending => return,
                Poll::Ready(true) => {}
                Poll::Ready(false) => {
                    let state = shared.lock();
                    let reason = state.log.generation().end().map_or(CloseReason::Shutdown, |end| end.reason);
                    take(&state, cursor, Ahead::End(reason, None));
                    return;
                }
            }
            empty_until = history.empty_until();
        }
    }

    /// Fills the buffer with events.
    fn fill<T>(&mut self, waker: &Waker, buffer: &mut FrameBuffer<T>) -> Poll<Step<Failure>> {
        if let Some(opening) = self.opening.take() {
            buffer.append_own(&opening.into_event());
            return Poll::Ready(Step::Event);
        }
        let mut polled = Poll::Pending;
        self.read(waker, |state, _, ahead| {
            match ahead {
                Ahead::Event(event) => {
                    buffer.append_encoded(event.wire());
                    if !buffer.is_full() {
                        return Want::More;
                    }
                    polled = Poll::Ready(Step::Event);
                }
                Ahead::Skipped { from, to, reason } => {
                    buffer.append_own(&skipped(&state.log, from, to, reason));
                    polled = Poll::Ready(Step::Event);
                }
                Ahead::Nothing | Ahead::Behind => return Want::Wait,
                Ahead::End(reason, last) => polled = Poll::Ready(Step::closed(reason, last)),
            }
            Want::Enough
        });
        polled
    }
}

/// The request of a subscription's reader after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// The next step.
    More,
    /// No step for now, though there may be more.
    Enough,
    /// To be woken when there is more.
    Wait,
}

impl Reader for Subscription {
    fn poll_item(&mut self, waker: &Waker) -> Poll<Result<TopicItem, Step<Failure>>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Ok(TopicItem::Notice(*opening)));
        }
        let mut next = Poll::Pending;
        self.read(waker, |state, _, ahead| {
            next = match ahead {
                Ahead::Event(event) if event.role() == Role::Last => Poll::Ready(Ok(TopicItem::Last(event.wire()))),
                Ahead::Event(event) => Poll::Ready(Ok(TopicItem::Published(event.wire()))),
                Ahead::Skipped { from, to, reason } => {
                    let (from, resumed_at) = (from.to_id(), state.log.id(to));
                    Poll::Ready(Ok(TopicItem::Notice(Notice::Gap(Gap { reason, topic: None, from, resumed_at }))))
                }
                Ahead::Nothing | Ahead::Behind => return Want::Wait,
                Ahead::End(reason, last) => Poll::Ready(Err(Step::closed(reason, last))),
            };
            Want::Enough
        });
        next
    }

    fn has_caught_up(&self) -> bool {
        !self.has_history()
    }

    fn restart(&mut self) -> (EventId, Vec<Gap>) {
        let gap = match self.opening.take().map(|opening| *opening) {
            Some(Notice::Gap(gap)) => vec![gap],
            Some(Notice::Position(_)) | None => Vec::new(),
        };
        (self.restart_at_head().to_id(), gap)
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
