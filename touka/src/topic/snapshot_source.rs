//! [`SnapshotSource`], a subscriber that gets the state after a gap.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use super::encoded::Draft;
use super::end_test::EndTest;
use super::gap::Gap;
use super::reading::{FromEvent, Notice, Reader, TopicItem, give};
use super::snapshot::{Loading, Snapshot, SnapshotEvents};
use super::snapshot_id::within_snapshot;
use super::snapshot_pace::SnapshotPace;
use super::subscribe_options::SubscribeOptions;
use crate::event::{Event, EventId, IntoEvent};
use crate::stream::{Dropping, Failure, Out, Source, Step, catch, drop_guarded, guarded, log_panic};

/// The source of a stream that sends a snapshot after each gap.
///
/// The user's code runs while no lock is held. None of its panics leaves a poll.
pub(super) struct SnapshotSource<R, T> {
    reader: R,
    phase: Phase<T>,
    pace: SnapshotPace,
    from_event: FromEvent<T>,
    /// `None` only while the source is dropped.
    snapshot: Option<Snapshot<T>>,
    test: Option<EndTest>,
    /// Whether the position is sent after a snapshot without events.
    sends_position: bool,
    /// Whether the next poll may run the user's function.
    may_load: bool,
}

/// The part of the stream that is sent next.
enum Phase<T> {
    /// The events of the topics.
    Topics,
    /// A snapshot that these gaps cause, once the pace allows it.
    Due(Vec<Gap>),
    /// The gaps that caused a snapshot, while it is loaded.
    Loading { at: EventId, gaps: vec::IntoIter<Gap>, loading: Loading<T> },
    /// A snapshot. `next` is its next event: the last one has another id.
    Snapshot { at: EventId, next: Option<Draft>, rest: SnapshotEvents<T> },
}

/// The next item of a stream, or its end. `None` if the stream is in another phase now.
type Polled = Poll<Result<Option<TopicItem>, Step<Failure>>>;

impl<R: Reader, T: IntoEvent> SnapshotSource<R, T> {
    /// With `is_first` the stream begins with a snapshot, though there is no gap.
    pub(super) fn new(
        reader: R,
        snapshot: Snapshot<T>,
        test: Option<EndTest>,
        is_first: bool,
        sends_position: bool,
    ) -> Self
    where
        T: 'static,
    {
        let phase = if is_first { Phase::Due(Vec::new()) } else { Phase::Topics };
        let (pace, from_event, snapshot) = (SnapshotPace::default(), T::from_event as FromEvent<T>, Some(snapshot));
        Self { reader, phase, pace, from_event, snapshot, test, sends_position, may_load: true }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<TopicItem, Step<Failure>>> {
        loop {
            let item = match self.phase {
                Phase::Topics => ready!(self.poll_topics(cx))?,
                Phase::Due(_) => ready!(self.poll_due(cx))?,
                Phase::Loading { .. } => ready!(self.poll_loading(cx))?,
                Phase::Snapshot { .. } => self.next_event()?,
            };
            if let Some(item) = item {
                return Poll::Ready(Ok(item));
            }
        }
    }

    /// Reads from the topics up to a gap.
    fn poll_topics(&mut self, cx: &mut Context<'_>) -> Polled {
        if let Some(Failure { reason, event, .. }) = self.test.as_mut().and_then(EndTest::take_end) {
            return Poll::Ready(Err(Step::closed(reason, event.map(|event| *event))));
        }
        let polled = self.reader.poll_item(cx.waker());
        self.may_load = false;
        match polled {
            Poll::Ready(Ok(TopicItem::Notice(Notice::Gap(gap)))) => {
                (self.phase, self.may_load) = (Phase::Due(vec![gap]), true);
                Poll::Ready(Ok(None))
            }
            Poll::Pending => {
                if self.reader.has_caught_up() {
                    self.pace.caught_up();
                }
                Poll::Pending
            }
            Poll::Ready(item) => Poll::Ready(item.map(Some)),
        }
    }

    /// Takes the position and starts to load.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Polled {
        ready!(self.pace.poll_next(cx));
        let (at, unread) = self.reader.restart();
        let mut gaps = match &mut self.phase {
            Phase::Due(gaps) => mem::take(gaps),
            _ => Vec::new(),
        };
        gaps.extend(unread);
        let snapshot = self.snapshot.as_ref();
        let Some(Some(loading)) = guarded("a snapshot's clone", || snapshot.map(Snapshot::load)) else {
            return Poll::Ready(Err(Step::Abort(Failure::panicked())));
        };
        self.phase = Phase::Loading { at, gaps: gaps.into_iter(), loading };
        Poll::Ready(Ok(None))
    }

    /// Sends the gaps and waits for the snapshot.
    fn poll_loading(&mut self, cx: &mut Context<'_>) -> Polled {
        let Phase::Loading { at, gaps, loading } = &mut self.phase else { return Poll::Ready(Ok(None)) };
        if let Some(gap) = gaps.next() {
            let event = gap.into_event_before_snapshot(at);
            return Poll::Ready(Ok(Some(TopicItem::Notice(Notice::Position(event)))));
        }
        let mut rest = match catch(|| loading.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(events))) => events,
            Ok(Poll::Ready(Err(failure))) => return Poll::Ready(Err(Step::Abort(failure))),
            Err(panic) => {
                log_panic("a snapshot", panic);
                return Poll::Ready(Err(Step::Abort(Failure::panicked())));
            }
        };
        let next = match next_of(&mut rest) {
            Ok(next) => next,
            Err(failure) => {
                drop_guarded(rest);
                return Poll::Ready(Err(Step::Abort(failure)));
            }
        };
        let at = at.clone();
        Poll::Ready(self.change(Phase::Snapshot { at, next, rest }).map(|()| None))
    }

    /// Takes the next event of the snapshot. With the last one, the stream is at the position.
    fn next_event(&mut self) -> Result<Option<TopicItem>, Step<Failure>> {
        let Phase::Snapshot { at, next, rest } = &mut self.phase else { return Ok(None) };
        let Some(event) = next.take() else {
            let at = at.clone();
            self.end_snapshot()?;
            let position = Notice::Position(Event::new().id(at));
            return Ok(self.sends_position.then_some(TopicItem::Notice(position)));
        };
        *next = next_of(rest).map_err(Step::Abort)?;
        let is_last = next.is_none();
        let wire = if is_last { event.with_id(at) } else { event.with_id(&within_snapshot(at)) };
        // A reader that tests the events of its topics does not see those of a snapshot.
        if let Some(test) = self.reader.test().filter(|test| !test.is_over()) {
            test.is_last(&wire);
        }
        if is_last {
            self.end_snapshot()?;
        }
        Ok(Some(TopicItem::Published(wire)))
    }

    fn end_snapshot(&mut self) -> Result<(), Step<Failure>> {
        self.pace.sent();
        self.change(Phase::Topics)
    }

    /// Drops what the user's code has made for the phase that ends.
    fn change(&mut self, phase: Phase<T>) -> Result<(), Step<Failure>> {
        let ended = mem::replace(&mut self.phase, phase);
        if drop_guarded(ended) { Ok(()) } else { Err(Step::Abort(Failure::panicked())) }
    }
}

impl<T: IntoEvent + Send + 'static> Snapshot<T> {
    /// The source of a stream that reads from `reader`, and sends snapshots. With `is_first` it begins with one.
    pub(super) fn follow(
        self,
        reader: impl Reader + Unpin + 'static,
        test: Option<EndTest>,
        is_first: bool,
        options: &SubscribeOptions,
    ) -> Pin<Box<dyn Source<T>>> {
        Box::pin(SnapshotSource::new(reader, self, test, is_first, !options.without_position))
    }
}

/// Encodes the next event of a snapshot. All of this is user code.
fn next_of<T: IntoEvent>(events: &mut SnapshotEvents<T>) -> Result<Option<Draft>, Failure> {
    match guarded("an event of a snapshot", || events.next().map(Draft::of)) {
        Some(None) => Ok(None),
        Some(Some(Ok(draft))) => Ok(Some(draft)),
        Some(Some(Err(error))) => {
            tracing::error!(target: "touka::topic", ?error, "an event of a snapshot cannot be sent: the stream ends");
            Err(Failure::unencodable())
        }
        None => Err(Failure::panicked()),
    }
}

impl<R: Reader + Unpin, T: IntoEvent + 'static> Source<T> for SnapshotSource<R, T> {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let this = self.get_mut();
        loop {
            let item = match ready!(this.poll_item(cx)) {
                Ok(item) => item,
                Err(end) => return Poll::Ready(end),
            };
            // A snapshot is sent as a whole: the test ends the stream after it.
            if let (Some(wire), Some(test)) = (item.published(), &mut this.test)
                && !test.is_over()
            {
                test.is_last(wire);
            }
            match give(item, out, this.from_event) {
                Ok(false) => {}
                Ok(true) => return Poll::Ready(Step::Event),
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    fn runs_a_body(&self) -> bool {
        self.may_load
    }
}

impl<R, T> Drop for SnapshotSource<R, T> {
    fn drop(&mut self) {
        let mut dropping = Dropping::default();
        let phase = mem::replace(&mut self.phase, Phase::Topics);
        dropping.run(|| drop(phase));
        dropping.run(|| drop(self.snapshot.take()));
        dropping.run(|| drop(self.test.take()));
        dropping.finish();
    }
}
