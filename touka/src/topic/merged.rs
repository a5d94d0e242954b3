//! [`Merged`], one subscriber of several topics.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

use super::cursor::{Ahead, Cursor};
use super::encoded::Encoded;
use super::gap::{GapReason, gap, gap_of};
use super::merged_position::{MergedPosition, ShortPosition, list_hash};
use super::reading::{FromEvent, Reader, TopicItem, poll_value};
use super::shared_log::{LogState, SharedLog};
use super::subscribe_options::SubscribeOptions;
use super::waiters::WaiterSlot;
use crate::error::CloseReason;
use crate::event::{Event, EventId};
use crate::stream::{Failure, FrameBuffer, Out, Source, Step};

/// The subscriber of several topics.
///
/// An event's id names the positions in all of them, so the id line is written for each subscriber anew. The rest of
/// the event's bytes are those of its topic.
pub(super) struct Merged {
    followed: Vec<Followed>,
    position: MergedPosition,
    list_hash: u16,
    /// The events that are sent before any published event, the first one last.
    notices: Vec<Event>,
    /// The index of the topic that is read next. Topics take turns, so a busy one does not starve the others.
    turn: usize,
}

/// One of the topics.
struct Followed {
    log: Arc<SharedLog>,
    cursor: Cursor,
    slot: WaiterSlot,
    /// Whether its feed has ended while this stream followed it, and has not started again.
    ended: bool,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.log.leave(&mut self.slot);
    }
}

impl Merged {
    /// Subscribes to the topics, each of which is loaded.
    pub(super) fn subscribe(logs: Vec<Arc<SharedLog>>, from: Option<&EventId>, options: &SubscribeOptions) -> Self {
        let list_hash = list_hash(logs.iter().map(|log| log.name()));
        let known = from.and_then(|id| MergedPosition::parse(id, list_hash, logs.len()));
        let now = Instant::now();
        let (mut positions, mut reasons) = (Vec::new(), Vec::new());
        let mut follow = |(index, log): (usize, Arc<SharedLog>)| {
            let mut state = log.lock();
            state.touch();
            state.subscribers += 1;
            state.log.trim(now);
            let epoch = state.log.epoch();
            let seen = match &known {
                Some(MergedPosition(known)) => {
                    let part = known[index];
                    let is_tag = |tag| part.has_tag(tag);
                    let resumed = state.log.resume_where(part.offset(), part.is_in(epoch), is_tag, options.is_latest());
                    reasons.extend(resumed.gap.map(|reason| (index, reason)));
                    options.after(&state.log, &resumed)
                }
                None => options.first(&state.log, from.is_some()),
            };
            positions.push(ShortPosition::new(epoch, seen));
            let cursor = options.cursor(seen, &state.log, from.is_some());
            drop(state);
            Followed { log, cursor, slot: WaiterSlot::NONE, ended: false }
        };
        let followed: Vec<_> = logs.into_iter().enumerate().map(&mut follow).collect();
        let position = MergedPosition(positions);
        let id = position.to_id(list_hash);
        let notices = match (from, &known) {
            (None, _) => vec![options.opening(&id)],
            (Some(from), None) => vec![gap(GapReason::Malformed, from, &id)],
            (Some(from), Some(MergedPosition(before))) => {
                // Each gap event moves the position of its own topic only. So a client that is cut off between two of
                // them gets the rest when it comes back.
                let mut so_far = MergedPosition(before.clone());
                let gap_of_topic = |(index, reason): (usize, GapReason)| {
                    so_far.0[index] = position.0[index];
                    gap_of(followed[index].log.name(), reason, from, &so_far.to_id(list_hash))
                };
                let mut gaps: Vec<_> = reasons.into_iter().map(gap_of_topic).collect();
                gaps.reverse();
                if gaps.is_empty() { vec![options.opening(&id)] } else { gaps }
            }
        };
        Self { followed, position, list_hash, notices, turn: 0 }
    }
}

/// The outcome of one topic's turn.
enum Turn {
    /// The topic is read to its end, and the waker is registered.
    Waits,
    /// The reader wants no more for now, though the topic may have more.
    Sends,
    Ends(CloseReason, Option<Event>),
}

impl Merged {
    /// Reads one topic until `take` returns false. `take` runs under the topic's lock.
    fn read(&mut self, index: usize, waker: &Waker, mut take: impl FnMut(TopicItem) -> bool) -> Turn {
        // A waker is the reader's code: it is cloned before the lock is taken and dropped after its release.
        let mut waker = Some(waker.clone());
        let Self { followed, position, list_hash, .. } = self;
        let Followed { log: shared, cursor, slot, ended } = &mut followed[index];
        let mut state = shared.lock();
        let LogState { log, waiters, fed, .. } = &mut *state;
        let mut wait = |slot: &mut WaiterSlot| {
            if let Some(own) = waker.take() {
                waker = waiters.wait(slot, own);
            }
            Turn::Waits
        };
        loop {
            let ahead = cursor.step(log);
            let before = position.0[index];
            position.0[index] = ShortPosition::new(log.epoch(), cursor.seen());
            let item = match ahead {
                Ahead::Event(event) => TopicItem::Published(with_id(event, &position.to_id(*list_hash))),
                Ahead::Skipped { .. } => {
                    let now = position.to_id(*list_hash);
                    let after = mem::replace(&mut position.0[index], before);
                    let from = position.to_id(*list_hash);
                    position.0[index] = after;
                    TopicItem::Notice(gap_of(shared.name(), GapReason::Lagged, &from, &now))
                }
                Ahead::Nothing => {
                    *ended &= !*fed;
                    return wait(slot);
                }
                // The other topics may have more, and so may this one if another body feeds it.
                Ahead::End(CloseReason::Completed, _) => {
                    *ended = true;
                    if cursor.join_generation(log) {
                        continue;
                    }
                    return wait(slot);
                }
                Ahead::End(reason, last) => return Turn::Ends(reason, last),
            };
            if !take(item) {
                return Turn::Sends;
            }
        }
    }

    /// Gives each topic its turn, until `take` returns false.
    fn poll_topics(&mut self, waker: &Waker, mut take: impl FnMut(TopicItem) -> bool) -> Poll<Step<Failure>> {
        let topics = self.followed.len();
        let first = self.turn;
        for index in (first..first + topics).map(|nth| nth % topics) {
            match self.read(index, waker, &mut take) {
                Turn::Waits => {}
                Turn::Sends => {
                    self.turn = (index + 1) % topics;
                    return Poll::Ready(Step::Event);
                }
                Turn::Ends(reason, last) => return Poll::Ready(Step::closed(reason, last)),
            }
        }
        if self.followed.iter().all(|followed| followed.ended) { Poll::Ready(Step::End) } else { Poll::Pending }
    }

    /// Fills the buffer with events.
    fn fill<T>(&mut self, waker: &Waker, buffer: &mut FrameBuffer<T>) -> Poll<Step<Failure>> {
        if let Some(notice) = self.notices.pop() {
            buffer.append_own(&notice);
            return Poll::Ready(Step::Event);
        }
        self.poll_topics(waker, |item| {
            match item {
                TopicItem::Published(event) => buffer.append_encoded(event),
                TopicItem::Notice(event) => buffer.append_own(&event),
            }
            !buffer.is_full()
        })
    }
}

impl Reader for Merged {
    fn poll_item(&mut self, waker: &Waker) -> Poll<Result<TopicItem, Step<Failure>>> {
        let mut next = self.notices.pop().map(TopicItem::Notice);
        if next.is_none() {
            let polled = self.poll_topics(waker, |item| {
                next = Some(item);
                false
            });
            if next.is_none() {
                return polled.map(Err);
            }
        }
        next.map_or(Poll::Pending, |item| Poll::Ready(Ok(item)))
    }
}

/// The source of a stream that follows several topics.
pub(super) struct MergedSource<T> {
    merged: Merged,
    from_event: FromEvent<T>,
}

impl<T> MergedSource<T> {
    pub(super) const fn new(merged: Merged, from_event: FromEvent<T>) -> Self {
        Self { merged, from_event }
    }
}

impl<T: 'static> Source<T> for MergedSource<T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let Self { merged, from_event } = &mut *self;
        match out {
            Out::Frame(buffer) => merged.fill(cx.waker(), buffer),
            Out::One(value) => poll_value(merged, cx.waker(), *from_event, value),
        }
    }
}

/// An event with another id.
fn with_id(event: &Encoded, id: &EventId) -> Bytes {
    let mut line = BytesMut::with_capacity(event.len() + 256);
    line.put_slice(b"id: ");
    line.put_slice(id.to_string().as_bytes());
    line.put_u8(b'\n');
    let mut wire = BytesMut::with_capacity(event.len() + line.len());
    event.put_with_id(&line, &mut wire);
    wire.freeze()
}
