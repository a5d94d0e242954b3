//! [`Batch`], the events of one frame.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

use super::failure::Failure;
use crate::error::panic_text;
use crate::event::{Event, IntoEvent};

/// A frame is full when it holds this much, though more events are ready: large enough that the
/// cost of a write is spread over many events, small enough to bound a slow client's memory.
const FRAME_BYTES: usize = 16 * 1024;

/// A frame is full after this long, though more events are ready: a body that computes between
/// its events must not hold the first one back.
const FRAME_TIME: Duration = Duration::from_millis(1);

/// Events on their way into one frame. Each is encoded when it is handed over, and never moved
/// again.
///
/// It knows how to encode a `T` by itself, so that a source needs not know that its events are
/// for the wire: a body's emits append to it where they stand.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    buf: BytesMut,
    /// The first event, if somebody else has encoded it for many. As long as it is alone, its bytes
    /// are not copied.
    shared: Option<Bytes>,
    encode: fn(T, &mut BytesMut) -> Result<(), Failure>,
    /// Whether each comment and `retry` ends with a blank line of its own.
    whole_blocks: bool,
    /// When the first event came.
    since: Option<Instant>,
    events: u32,
    full: bool,
    failure: Option<Failure>,
}

impl<T: IntoEvent> Batch<T> {
    pub(crate) fn new(whole_blocks: bool) -> Self {
        Self { whole_blocks, ..Self::empty(encode) }
    }
}

impl<T> Batch<T> {
    fn empty(encode: fn(T, &mut BytesMut) -> Result<(), Failure>) -> Self {
        Self {
            buf: BytesMut::new(),
            shared: None,
            encode,
            whole_blocks: false,
            since: None,
            events: 0,
            full: false,
            failure: None,
        }
    }

    /// Encodes one event. One that cannot be encoded leaves nothing behind, and fills the batch.
    pub(super) fn append(&mut self, event: T) {
        self.unshare();
        let start = self.buf.len();
        if let Err(failure) = (self.encode)(event, &mut self.buf) {
            self.buf.truncate(start);
            self.failure = Some(failure);
            self.full = true;
            return;
        }
        self.end_block(start);
        self.full = self.buf.len() >= FRAME_BYTES;
        self.events += 1;
        // The clock costs as much as a short event, so a fast body is asked every fourth time.
        if self.full || self.events > 4 && !self.events.is_multiple_of(4) {
            return;
        }
        let now = Instant::now();
        self.full = now.duration_since(*self.since.get_or_insert(now)) >= FRAME_TIME;
    }

    /// Appends one event that is encoded already.
    fn append_encoded(&mut self, event: Bytes) {
        self.events += 1;
        if self.is_empty() {
            self.full = event.len() >= FRAME_BYTES;
            self.shared = Some(event);
            return;
        }
        self.unshare();
        self.buf.extend_from_slice(&event);
        self.full = self.buf.len() >= FRAME_BYTES;
    }

    /// Appends an event of the response's own: the opening, the end, an error.
    pub(crate) fn append_own(&mut self, event: &Event) {
        self.unshare();
        let start = self.buf.len();
        event.encode(&mut self.buf);
        self.end_block(start);
    }

    /// Ends an event that has no blank line of its own, if the stream is made of whole blocks.
    fn end_block(&mut self, start: usize) {
        if self.whole_blocks && self.buf.len() > start && !self.buf.ends_with(b"\n\n") {
            self.buf.put_u8(b'\n');
        }
    }

    /// Makes room after the first event, which is not alone any more.
    fn unshare(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.buf.extend_from_slice(&shared);
        }
    }

    /// No other event may be appended: it is time to send.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    /// There is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.buf.is_empty() && self.shared.is_none()
    }

    /// Why the last event could not be encoded.
    pub(crate) const fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// An event could not be encoded, and the stream must end.
    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// What is to be sent, and how many events of the body's are in it. A new batch begins.
    pub(crate) fn take(&mut self) -> (u32, Bytes) {
        let events = self.events;
        self.clear();
        (events, self.shared.take().unwrap_or_else(|| self.buf.split().freeze()))
    }

    /// Begins a new batch though the last one, for all its events, has nothing to send.
    pub(crate) const fn clear(&mut self) {
        (self.since, self.events, self.full) = (None, 0, false);
    }

    /// The batch, to be given to another for a while; an empty one stays.
    pub(super) fn lend(&mut self) -> Self {
        let encode = self.encode;
        mem::replace(self, Self::empty(encode))
    }
}

fn encode<T: IntoEvent>(event: T, buf: &mut BytesMut) -> Result<(), Failure> {
    // The conversion is the user's code, and a panic in it must cost this stream only.
    match catch_unwind(AssertUnwindSafe(|| event.encode_into(buf))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::error!(target: "touka::stream", ?error, "an event could not be encoded");
            Err(Failure::unencodable())
        }
        Err(panic) => {
            tracing::error!(target: "touka::stream", panic = panic_text(&*panic), "an event's encoding panicked");
            Err(Failure::panicked())
        }
    }
}

/// Where a source leaves its events.
pub(crate) enum Out<'a, T> {
    /// One event, for whoever reads the stream as a [`Stream`](futures_core::Stream). It goes to
    /// the place that the caller gives: it is large, and would be moved once more by each function
    /// that hands it on.
    One(&'a mut Option<T>),
    /// Any number of events, on their way to the wire.
    Batch(&'a mut Batch<T>),
}

impl<T: 'static> Out<'_, T> {
    /// An event that is encoded already. For a reader it is made an event again, and false says
    /// that it wants values of another type.
    pub(crate) fn put_encoded(&mut self, event: Bytes) -> bool {
        match self {
            Self::One(place) => put_event(place, || Event::from_wire(&event)),
            Self::Batch(batch) => {
                batch.append_encoded(event);
                true
            }
        }
    }

    /// Whether an event of the source's own is of use here: a reader of events has none for a comment.
    pub(crate) fn takes(&self, event: &Event) -> bool {
        matches!(self, Self::Batch(_)) || event.as_id().is_some() || event.as_data().is_some()
    }

    /// An event that is the source's own, and not of the stream's type.
    pub(crate) fn put_own(&mut self, event: Event) -> bool {
        match self {
            Self::One(place) => put_event(place, || event),
            Self::Batch(batch) => {
                batch.append_own(&event);
                true
            }
        }
    }
}

fn put_event<T: 'static>(place: &mut Option<T>, event: impl FnOnce() -> Event) -> bool {
    let place: &mut dyn Any = place;
    let Some(place) = place.downcast_mut() else { return false };
    *place = Some(event());
    true
}

impl<T> Out<'_, T> {
    pub(super) fn put(&mut self, event: T) {
        match self {
            Self::One(place) => **place = Some(event),
            Self::Batch(batch) => batch.append(event),
        }
    }

    /// No other event is wanted now.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::One(place) => place.is_some(),
            Self::Batch(batch) => batch.is_full(),
        }
    }
}
