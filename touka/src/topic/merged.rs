//! Several topics on one stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

use super::cursor::{Ahead, Cursor};
use super::encoded::Encoded;
use super::gap::{gap, gap_of};
use super::gap_reason::GapReason;
use super::places::{Part, Places, list};
use super::shared_log::{SharedLog, State};
use super::subscribe::Wish;
use super::subscription::unreadable;
use super::waiters::Place;
use crate::error::CloseReason;
use crate::event::{Event, EventId};
use crate::stream::{EventStream, Failure, Out, Source, Step};

/// A place in each of several logs. Each event's id names all of them, so it is put into the event
/// for each subscriber anew; the rest of the event's bytes are those of its topic.
struct Merged {
    followed: Vec<Followed>,
    places: Places,
    list: u16,
    /// What is to be said before anything is read.
    hello: Vec<Event>,
    /// Whose turn it is: a busy topic must not silence the others.
    turn: usize,
}

/// One of the topics.
struct Followed {
    log: Arc<SharedLog>,
    cursor: Cursor,
    place: Place,
    ended: bool,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.log.leave(&mut self.place);
    }
}

pub(super) fn subscribe<T: Send + 'static>(
    logs: Vec<Arc<SharedLog>>,
    from: Option<&EventId>,
    wish: &Wish,
) -> EventStream<T> {
    let list = list(logs.iter().map(|log| log.name()));
    let known = from.and_then(|id| Places::parse(id, list, logs.len()));
    let now = Instant::now();
    let (mut parts, mut reasons) = (Vec::new(), Vec::new());
    let mut follow = |(index, log): (usize, Arc<SharedLog>)| {
        let mut state = log.lock();
        state.touch();
        state.subscribers += 1;
        state.log.trim(now);
        let epoch = state.log.epoch();
        let seen = match &known {
            Some(Places(parts)) => {
                let part = parts[index];
                let resumed = state.log.resume_where(part.offset(), part.is_of(epoch), |tag| part.has(tag));
                reasons.extend(resumed.gap.map(|reason| (index, reason)));
                wish.after(&state.log, &resumed)
            }
            None => wish.first(&state.log, from.is_some()),
        };
        parts.push(Part::new(epoch, seen));
        let cursor = wish.cursor(seen, &state.log);
        drop(state);
        Followed { log, cursor, place: Place::NONE, ended: false }
    };
    let followed: Vec<_> = logs.into_iter().enumerate().map(&mut follow).collect();
    let places = Places(parts);
    let id = places.to_id(list);
    let hello = match (from, &known) {
        (None, _) => vec![wish.opening(&id)],
        (Some(from), None) => vec![gap(GapReason::Malformed, from, &id)],
        (Some(from), Some(Places(before))) => {
            // A client that is cut off between two of them has an id with which it is told of the
            // rest: each moves its own topic's place only.
            let mut so_far = Places(before.clone());
            let told = |(index, reason): (usize, GapReason)| {
                so_far.0[index] = places.0[index];
                gap_of(followed[index].log.name(), reason, from, &so_far.to_id(list))
            };
            let mut gaps: Vec<_> = reasons.into_iter().map(told).collect();
            // The first is taken from the end.
            gaps.reverse();
            if gaps.is_empty() { vec![wish.opening(&id)] } else { gaps }
        }
    };
    EventStream::from_source(Box::pin(Merged { followed, places, list, hello, turn: 0 }))
}

/// What became of one topic's turn.
enum Turn {
    /// All of it was read, and its news will wake the stream.
    Waits,
    /// The stream has something to send.
    Sends,
    Ends(CloseReason, Option<Event>),
    Unreadable,
}

impl Merged {
    /// Reads on in one of the topics.
    fn read<T: 'static>(&mut self, index: usize, cx: &Context<'_>, out: &mut Out<'_, T>) -> Turn {
        let Self { followed, places, list, .. } = self;
        let Followed { log: shared, cursor, place, ended } = &mut followed[index];
        let mut state = shared.lock();
        let State { log, waiters, .. } = &mut *state;
        loop {
            let ahead = cursor.step(log);
            let before = places.0[index];
            places.0[index] = Part::new(log.epoch(), cursor.seen());
            let put = match ahead {
                Ahead::Event(event) => out.put_encoded(with_id(event, &places.to_id(*list))),
                Ahead::Skipped { .. } => {
                    let now = places.to_id(*list);
                    let after = std::mem::replace(&mut places.0[index], before);
                    let from = places.to_id(*list);
                    places.0[index] = after;
                    out.put_own(gap_of(shared.name(), GapReason::Lagged, &from, &now))
                }
                Ahead::Nothing => {
                    *ended = false;
                    waiters.wait(place, cx.waker());
                    return Turn::Waits;
                }
                // The others may have more, and this one too, if it has begun again.
                Ahead::End(CloseReason::Completed, _) if cursor.pass_end(log) => continue,
                Ahead::End(CloseReason::Completed, _) => {
                    *ended = true;
                    waiters.wait(place, cx.waker());
                    return Turn::Waits;
                }
                Ahead::End(reason, last) => return Turn::Ends(reason, last),
            };
            if !put {
                return Turn::Unreadable;
            }
            if out.is_full() {
                return Turn::Sends;
            }
        }
    }
}

fn with_id(event: &Encoded, id: &EventId) -> Bytes {
    let mut line = BytesMut::with_capacity(event.len() + 256);
    line.put_slice(b"id: ");
    line.put_slice(id.to_string().as_bytes());
    line.put_u8(b'\n');
    let mut wire = BytesMut::with_capacity(event.len() + line.len());
    event.put_with_id(&line, &mut wire);
    wire.freeze()
}

impl<T: 'static> Source<T> for Merged {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let this = &mut *self;
        if let Some(hello) = this.hello.pop()
            && out.takes(&hello)
        {
            return Poll::Ready(if out.put_own(hello) { Step::Event } else { unreadable() });
        }
        let topics = this.followed.len();
        let first = this.turn;
        for index in (first..first + topics).map(|nth| nth % topics) {
            match this.read(index, cx, out) {
                Turn::Waits => {}
                Turn::Sends => {
                    this.turn = (index + 1) % topics;
                    return Poll::Ready(Step::Event);
                }
                Turn::Ends(reason, last) => return Poll::Ready(Step::closed(reason, last)),
                Turn::Unreadable => return Poll::Ready(unreadable()),
            }
        }
        if this.followed.iter().all(|followed| followed.ended) { Poll::Ready(Step::End) } else { Poll::Pending }
    }
}
