//! Several topics on one stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;

use super::cursor::{Ahead, Cursor};
use super::encoded::Encoded;
use super::gap::{gap, gap_of};
use super::gap_reason::GapReason;
use super::places::{Part, Places, list};
use super::reading::{FromEvent, Said, value};
use super::shared_log::{SharedLog, State};
use super::subscribe::Wish;
use super::waiters::Place;
use crate::error::CloseReason;
use crate::event::{Event, EventId, IntoEvent};
use crate::stream::{EventStream, Failure, Out, Source, Step};

/// A place in each of several logs. Each event's id names all of them, so it is put into the event
/// for each subscriber anew; the rest of the event's bytes are those of its topic.
struct Merged<T> {
    followed: Vec<Followed>,
    places: Places,
    list: u16,
    /// What is to be said before anything is read.
    hello: Vec<Event>,
    /// Whose turn it is: a busy topic must not silence the others.
    turn: usize,
    from_event: FromEvent<T>,
}

/// One of the topics.
struct Followed {
    log: Arc<SharedLog>,
    cursor: Cursor,
    place: Place,
    /// Its feed has come to an end while this stream followed it, and has not begun again.
    ended: bool,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.log.leave(&mut self.place);
    }
}

pub(super) fn subscribe<T: IntoEvent + Send + 'static>(
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
                let resumed =
                    state.log.resume_where(part.offset(), part.is_of(epoch), |tag| part.has(tag), wish.is_latest());
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
    EventStream::from_source(Box::pin(Merged { followed, places, list, hello, turn: 0, from_event: T::from_event }))
}

/// What became of one topic's turn.
enum Turn {
    /// All of it was read, and its news will wake the stream.
    Waits,
    /// There may be more, and the stream wants nothing more now.
    Sends,
    Ends(CloseReason, Option<Event>),
}

impl<T: 'static> Merged<T> {
    /// Reads on in one of the topics, until `take` has enough. It is called under the topic's lock.
    fn read(&mut self, index: usize, waker: &Waker, mut take: impl FnMut(Said) -> bool) -> Turn {
        // A waker is code of the reader's: it is cloned before the lock, and dropped after it.
        let mut waker = Some(waker.clone());
        let Self { followed, places, list, .. } = self;
        let Followed { log: shared, cursor, place, ended } = &mut followed[index];
        let mut state = shared.lock();
        let State { log, waiters, fed, .. } = &mut *state;
        let mut wait = |place: &mut Place| {
            if let Some(own) = waker.take() {
                waker = waiters.wait(place, own);
            }
            Turn::Waits
        };
        loop {
            let ahead = cursor.step(log);
            let before = places.0[index];
            places.0[index] = Part::new(log.epoch(), cursor.seen());
            let said = match ahead {
                Ahead::Event(event) => Said::Event(with_id(event, &places.to_id(*list))),
                Ahead::Skipped { .. } => {
                    let now = places.to_id(*list);
                    let after = std::mem::replace(&mut places.0[index], before);
                    let from = places.to_id(*list);
                    places.0[index] = after;
                    Said::Own(gap_of(shared.name(), GapReason::Lagged, &from, &now))
                }
                Ahead::Nothing => {
                    *ended &= !*fed;
                    return wait(place);
                }
                // The others may have more, and this one too, if another body feeds it.
                Ahead::End(CloseReason::Completed, _) => {
                    *ended = true;
                    if cursor.pass_end(log) {
                        continue;
                    }
                    return wait(place);
                }
                Ahead::End(reason, last) => return Turn::Ends(reason, last),
            };
            if !take(said) {
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

impl<T: 'static> Source<T> for Merged<T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let this = &mut *self;
        match out {
            Out::Frame(batch) => {
                if let Some(hello) = this.hello.pop() {
                    batch.append_own(&hello);
                    return Poll::Ready(Step::Event);
                }
                this.poll_topics(cx.waker(), |said| {
                    match said {
                        Said::Event(event) => batch.append_encoded(event),
                        Said::Own(event) => batch.append_own(&event),
                    }
                    !batch.is_full()
                })
            }
            Out::One(place) => loop {
                let mut next = this.hello.pop().map(Said::Own);
                if next.is_none() {
                    let polled = this.poll_topics(cx.waker(), |said| {
                        next = Some(said);
                        false
                    });
                    if next.is_none() {
                        return polled;
                    }
                }
                match next.map_or(Ok(None), |said| value(said, this.from_event)) {
                    Ok(None) => {}
                    Ok(event) => {
                        **place = event;
                        return Poll::Ready(Step::Event);
                    }
                    Err(end) => return Poll::Ready(end),
                }
            },
        }
    }
}

impl<T: 'static> Merged<T> {
    /// Gives each topic its turn, until `take` has enough.
    fn poll_topics(&mut self, waker: &Waker, mut take: impl FnMut(Said) -> bool) -> Poll<Step<Failure>> {
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
}
