//! [`Merged`], one subscriber of several topics.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};

use super::beginning::{Begun, begin};
use super::claim::Claim;
use super::cursor::Ahead;
use super::encoded::Encoded;
use super::engine::HubEngine;
use super::error::HubError;
use super::gap::{Gap, GapReason};
use super::merged_position::{MergedPosition, ShortPosition, list_hash};
use super::position::Position;
use super::reading::{FromEvent, Notice, Reader, TopicItem, poll_value};
use super::shared_log::{LogState, SharedLog};
use super::snapshot_id::snapshot_at;
use super::subscribe_options::SubscribeOptions;
use super::subscription::{Subscription, Want};
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
    /// The notices before any published event, in reverse order.
    notices: Vec<Notice>,
    /// The index of the topic that is read next. Topics take turns, so a busy one does not starve the others.
    turn: usize,
    /// Whether all topics are closed, and the client has seen their last events.
    is_over: bool,
}

/// One of the topics.
struct Followed {
    subscription: Subscription,
    /// Whether its feed has ended while this stream followed it, and has not started again.
    ended: bool,
}

impl Merged {
    /// Subscribes to the topics.
    pub(super) async fn subscribe(
        engine: &Arc<HubEngine>,
        logs: &[Arc<SharedLog>],
        from: Option<&EventId>,
        options: &SubscribeOptions,
    ) -> Result<Self, HubError> {
        let list_hash = list_hash(logs.iter().map(|log| log.name()));
        let parse = |id: &EventId| MergedPosition::parse(id, list_hash, logs.len());
        let known = from.and_then(parse);
        let is_interrupted = from.and_then(snapshot_at).as_ref().and_then(parse).is_some();
        let (mut followed, mut positions, mut reasons, mut is_over) = (Vec::new(), Vec::new(), Vec::new(), true);
        for (index, log) in logs.iter().enumerate() {
            let claim = match (from, &known) {
                (None, _) => Claim::Nothing,
                (Some(_), None) if is_interrupted => Claim::Interrupted,
                (Some(_), None) => Claim::Malformed,
                (Some(_), Some(MergedPosition(parts))) => Claim::Short(parts[index]),
            };
            let Begun { subscription, seen, gap, is_over: ended, .. } =
                begin(engine, log, claim, options, false).await?;
            is_over &= ended;
            positions.push(ShortPosition::new(seen.epoch, seen.mark));
            reasons.extend(gap.map(|reason| (index, reason)));
            followed.push(Followed { subscription, ended: false });
        }
        let position = MergedPosition(positions);
        let id = position.to_id(list_hash);
        let notices = match (from, &known) {
            (None, _) => vec![Notice::Position(options.opening(&id))],
            (Some(from), None) => {
                let reason = if is_interrupted { GapReason::Interrupted } else { GapReason::Malformed };
                vec![Notice::Gap(Gap { reason, topic: None, from: from.clone(), resumed_at: id })]
            }
            (Some(from), Some(MergedPosition(before))) => {
                // Each gap event moves the position of its own topic only. So a client that is cut off between two of
                // them gets the rest when it comes back.
                let mut so_far = MergedPosition(before.clone());
                let gap_of_topic = |(index, reason): (usize, GapReason)| {
                    so_far.0[index] = position.0[index];
                    let topic = Some(Arc::clone(logs[index].shared_name()));
                    Notice::Gap(Gap { reason, topic, from: from.clone(), resumed_at: so_far.to_id(list_hash) })
                };
                let mut gaps: Vec<_> = reasons.into_iter().map(gap_of_topic).collect();
                gaps.reverse();
                if gaps.is_empty() { vec![Notice::Position(options.opening(&id))] } else { gaps }
            }
        };
        Ok(Self { followed, position, list_hash, notices, turn: 0, is_over })
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
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Reads one topic until `take` returns false. `take` runs under the topic's lock.
    fn read(&mut self, index: usize, waker: &Waker, mut take: impl FnMut(TopicItem) -> bool) -> Turn {
        let Self { followed, position, list_hash, .. } = self;
        let Followed { subscription, ended } = &mut followed[index];
        let name = Arc::clone(subscription.log.shared_name());
        let mut turn = Turn::Waits;
        subscription.read(waker, |state, cursor, ahead| {
            let LogState { log, fed, .. } = state;
            let before = position.0[index];
            position.0[index] = ShortPosition::new(log.epoch(), cursor.seen());
            let item = match ahead {
                Ahead::Event(event) => TopicItem::Published(with_id(event, &position.to_id(*list_hash))),
                Ahead::Skipped { reason, .. } => {
                    let resumed_at = position.to_id(*list_hash);
                    let after = mem::replace(&mut position.0[index], before);
                    let from = position.to_id(*list_hash);
                    position.0[index] = after;
                    TopicItem::Notice(Notice::Gap(Gap { reason, topic: Some(Arc::clone(&name)), from, resumed_at }))
                }
                Ahead::Nothing | Ahead::Behind => {
                    *ended &= !*fed;
                    return Want::Wait;
                }
                // The other topics may have more, and so may this one if another body feeds it.
                Ahead::End(CloseReason::Completed, _) => {
                    *ended = true;
                    return if cursor.join_generation(log) { Want::More } else { Want::Wait };
                }
                Ahead::End(reason, last) => {
                    turn = Turn::Ends(reason, last);
                    return Want::Enough;
                }
            };
            if take(item) {
                Want::More
            } else {
                turn = Turn::Sends;
                Want::Enough
            }
        });
        turn
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
            buffer.append_own(&notice.into_event());
            return Poll::Ready(Step::Event);
        }
        self.poll_topics(waker, |item| {
            match item {
                TopicItem::Published(event) | TopicItem::Last(event) => buffer.append_encoded(event),
                TopicItem::Notice(notice) => buffer.append_own(&notice.into_event()),
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

    fn has_caught_up(&self) -> bool {
        !self.followed.iter().any(|followed| followed.subscription.has_history())
    }

    fn restart(&mut self) -> (EventId, Vec<Gap>) {
        let mut gaps = Vec::new();
        for notice in self.notices.drain(..).rev() {
            if let Notice::Gap(gap) = notice {
                gaps.push(gap);
            }
        }
        for (followed, position) in self.followed.iter_mut().zip(&mut self.position.0) {
            let Position { epoch, mark } = followed.subscription.restart_at_head();
            *position = ShortPosition::new(epoch, mark);
        }
        (self.position.to_id(self.list_hash), gaps)
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
