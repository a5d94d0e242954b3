//! [`Batch`], the events of one frame.

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};

use super::failure::Failure;
use super::guard::guarded;
use super::pace::Pace;
use crate::event::{Event, IntoEvent};

/// A frame is full when it holds this much, though more events are ready: large enough that the
/// cost of a write is spread over many events, small enough to bound a slow client's memory.
///
/// With one small event more it is at most 16 KiB, which touka's server writes in one piece, and
/// HTTP/2 in one frame. A little more would be a second piece of a few bytes.
const FRAME_BYTES: usize = 15 * 1024;

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
    /// How long the last frame was.
    length: usize,
    encode: fn(&mut Option<T>, &mut BytesMut) -> Result<(), Failure>,
    /// How the body that emits goes on after its emits.
    pace: Pace,
    /// Whether each comment and `retry` ends with a blank line of its own.
    whole_blocks: bool,
    events: u32,
    full: bool,
    /// What is here must be flushed before the body runs on.
    pause: bool,
    failure: Option<Failure>,
}

impl<T: IntoEvent> Batch<T> {
    pub(crate) fn new(whole_blocks: bool) -> Self {
        Self { whole_blocks, ..Self::empty(encode) }
    }
}

impl<T> Batch<T> {
    fn empty(encode: fn(&mut Option<T>, &mut BytesMut) -> Result<(), Failure>) -> Self {
        Self {
            buf: BytesMut::new(),
            shared: None,
            length: 0,
            encode,
            pace: Pace::NEW,
            whole_blocks: false,
            events: 0,
            full: false,
            pause: false,
            failure: None,
        }
    }

    /// Encodes one event that was ready, and takes it from its place. One that cannot be encoded leaves
    /// nothing behind, and fills the batch.
    pub(super) fn append(&mut self, event: &mut Option<T>) {
        self.unshare();
        if self.buf.capacity() == 0 {
            // Most frames of a stream are about as long as each other.
            self.buf.reserve(self.length);
        }
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
    }

    /// Encodes one event that a body has emitted. If that fills the batch, the body must not go on
    /// before what is in it was flushed.
    #[inline]
    pub(super) fn emit(&mut self, event: &mut Option<T>) {
        self.append(event);
        self.pause = self.pace.emitted(self.events);
        self.full |= self.pause;
    }

    /// The body that emits is about to run: on from an emit that has filled a batch, or after it has
    /// waited for something else.
    pub(super) fn begin(&mut self, from_an_emit: bool) {
        self.pace.begin(from_an_emit);
    }

    /// The body that emits has stopped running.
    pub(super) fn end(&mut self) {
        self.pace.end();
    }

    /// Appends one event that is encoded already.
    pub(crate) fn append_encoded(&mut self, event: Bytes) {
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

    /// Ends the event that begins there, if the stream is made of whole blocks.
    fn end_block(&mut self, start: usize) {
        if self.whole_blocks {
            end_block(&mut self.buf, start);
        }
    }

    /// Appends bytes of the response's own.
    pub(crate) fn append_bytes(&mut self, bytes: &[u8]) {
        self.unshare();
        self.buf.extend_from_slice(bytes);
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

    /// What is here must be flushed before the body that has emitted it runs on. A frame that a quick
    /// body has filled by its size need not be.
    pub(crate) const fn must_pause(&self) -> bool {
        self.pause
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
        let frame = self.shared.take().unwrap_or_else(|| {
            // With all of its room: a stream that waits keeps none.
            self.length = self.buf.len();
            mem::take(&mut self.buf).freeze()
        });
        (events, frame)
    }

    /// Begins a new batch though the last one, for all its events, has nothing to send.
    pub(crate) const fn clear(&mut self) {
        (self.events, self.full, self.pause) = (0, false, false);
    }

    /// The batch, to be given to another for a while; an empty one stays.
    pub(super) fn lend(&mut self) -> Self {
        let lent = Self { pace: self.pace, ..Self::empty(self.encode) };
        mem::replace(self, lent)
    }
}

/// Adds a blank line to an event that has none of its own. The event begins at `start`; one without a wire form
/// stays so.
pub(super) fn end_block(buf: &mut BytesMut, start: usize) {
    if buf.len() > start && !buf.ends_with(b"\n\n") {
        buf.put_u8(b'\n');
    }
}

fn encode<T: IntoEvent>(event: &mut Option<T>, buf: &mut BytesMut) -> Result<(), Failure> {
    let Some(event) = event.take() else { return Ok(()) };
    // The conversion is the user's code, and a panic in it must cost this stream only.
    match guarded("an event's encoding", || event.encode_into(buf)) {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => {
            tracing::error!(target: "touka::stream", ?error, "an event could not be encoded");
            Err(Failure::unencodable())
        }
        None => Err(Failure::panicked()),
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

impl<T> Out<'_, T> {
    pub(super) fn put(&mut self, event: T) {
        match self {
            Self::One(place) => **place = Some(event),
            Self::Batch(batch) => batch.append(&mut Some(event)),
        }
    }
}
