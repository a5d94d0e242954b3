//! [`Folded`], a subscriber that folds what its client has yet to get while it is far behind.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::end_test::EndTest;
use super::error::HubError;
use super::fold_run::{Fold, FoldRun};
use super::gap::Gap;
use super::reading::{FromEvent, Reader, TopicItem, give};
use super::subscription::Subscription;
use crate::event::EventId;
use crate::stream::{Failure, Out, Source, Step, drop_guarded};

/// A subscriber of one topic that folds its events.
///
/// The user's fold and test run while no lock is held. Every event is tested before it is folded, so that a stream ends at the
/// event that was chosen, and not behind it.
pub(super) struct Folded {
    reader: Subscription,
    test: Option<EndTest>,
    /// The number of events that the client may be behind without any being folded.
    after: u64,
    run: FoldRun,
    /// Whether the events that are ready are folded, up to the newest.
    is_folding: bool,
    /// Events that are sent next, before the run's.
    done: VecDeque<Bytes>,
    /// The item that is sent, or ends the stream, after them.
    next: Option<Result<TopicItem, Step<Failure>>>,
}

impl Folded {
    pub(super) const fn new(reader: Subscription, test: Option<EndTest>, after: u64, fold: Fold) -> Self {
        let run = FoldRun::new(fold);
        Self { reader, test, after, run, is_folding: false, done: VecDeque::new(), next: None }
    }

    /// The source of a stream that gets these items.
    pub(super) fn into_source<T: 'static>(self, from_event: FromEvent<T>) -> Pin<Box<dyn Source<T>>> {
        Box::pin(FoldedSource { reader: self, from_event })
    }

    /// Ends the run before this item.
    fn end_run(&mut self, next: Option<Result<TopicItem, Step<Failure>>>) {
        let finished = self.run.finish(&mut self.done);
        self.next = next;
        self.check(finished);
    }

    /// Ends the stream if events could not be folded. The events that are ready are sent before, so that the client does not
    /// ask for them again.
    fn check(&mut self, folded: Result<(), HubError>) {
        if let Err(error) = folded {
            tracing::error!(target: "touka::topic", ?error, "a folded event cannot be sent: the stream ends");
            self.next = Some(Err(Step::Abort(Failure::unencodable())));
        } else if self.run.has_panicked() {
            // Nothing is folded any more, so this cannot fail.
            let _ = self.run.finish(&mut self.done);
            self.next = Some(Err(Step::Abort(Failure::panicked())));
        }
    }
}

impl Reader for Folded {
    fn poll_item(&mut self, waker: &Waker) -> Poll<Result<TopicItem, Step<Failure>>> {
        loop {
            if let Some(wire) = self.done.pop_front() {
                return Poll::Ready(Ok(TopicItem::Published(wire)));
            }
            if let Some(next) = self.next.take() {
                return Poll::Ready(next);
            }
            if let Some(Failure { reason, event, .. }) = self.test.as_mut().and_then(EndTest::take_end) {
                return Poll::Ready(Err(Step::closed(reason, event.map(|event| *event))));
            }
            if self.run.is_empty() {
                // An idle stream keeps no buffer.
                self.done = VecDeque::new();
                let behind = self.reader.behind();
                self.is_folding = behind > self.after || self.is_folding && behind > 0;
            }
            match self.reader.poll_item(waker) {
                Poll::Pending => {
                    // While the engine reads older events, the client is still behind.
                    self.is_folding &= !self.reader.has_caught_up();
                    if self.run.is_empty() {
                        return Poll::Pending;
                    }
                    self.end_run(None);
                }
                Poll::Ready(Ok(TopicItem::Published(wire))) => {
                    let is_last = self.test.as_mut().is_some_and(|test| test.is_last(&wire));
                    if !self.is_folding {
                        return Poll::Ready(Ok(TopicItem::Published(wire)));
                    }
                    let pushed = self.run.push(wire, &mut self.done);
                    self.check(pushed);
                    if is_last && self.next.is_none() {
                        self.end_run(None);
                    }
                }
                Poll::Ready(other) if self.run.is_empty() => return Poll::Ready(other),
                Poll::Ready(other) => self.end_run(Some(other)),
            }
        }
    }

    fn has_caught_up(&self) -> bool {
        self.reader.has_caught_up()
    }

    fn restart(&mut self) -> (EventId, Vec<Gap>) {
        self.reader.restart()
    }

    fn test(&mut self) -> Option<&mut EndTest> {
        self.test.as_mut()
    }
}

/// The source of a stream that folds.
struct FoldedSource<T> {
    reader: Folded,
    from_event: FromEvent<T>,
}

impl<T: 'static> Source<T> for FoldedSource<T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let Self { reader, from_event } = &mut *self;
        loop {
            let Poll::Ready(item) = reader.poll_item(cx.waker()) else { return Poll::Pending };
            match item.and_then(|item| give(item, out, *from_event)) {
                Ok(false) => {}
                Ok(true) => return Poll::Ready(Step::Event),
                Err(end) => return Poll::Ready(end),
            }
        }
    }
}

/// The test is user code: its destructor may panic while another one unwinds.
impl Drop for Folded {
    fn drop(&mut self) {
        drop_guarded(self.test.take());
    }
}
