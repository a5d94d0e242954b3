//! [`FrameBuffer`], the encoded events of one frame.

use std::mem;

use bytes::{BufMut, Bytes, BytesMut};

use super::failure::Failure;
use super::guard::guarded;
use super::pace::EmitPace;
use crate::event::{Event, IntoEvent};

/// The size at which a frame is full, though more events are ready: large enough to spread the cost of a
/// write over many events, small enough to bound the memory of a slow client.
///
/// With one more small event a frame has at most 16 KiB, which touka's server writes in one piece, and HTTP/2
/// in one frame. A larger limit would often leave a second piece of a few bytes.
const FRAME_BYTES: usize = 15 * 1024;

/// Collects the events of one frame. Each event is encoded when it is appended, and its bytes are not moved
/// again.
///
/// The buffer holds the function that encodes a `T`, so a source has no `IntoEvent` bound: the emits of a
/// body append to the buffer directly.
#[derive(Debug)]
pub(crate) struct FrameBuffer<T> {
    buf: BytesMut,
    /// The first event, if it was encoded once for many streams. While it is the only event, its bytes are
    /// shared and not copied.
    shared: Option<Bytes>,
    /// The length of the last frame.
    length: usize,
    encode: fn(&mut Option<T>, &mut BytesMut) -> Result<(), Failure>,
    /// Decides whether the emits of a body may share a frame.
    pace: EmitPace,
    /// Whether each comment and `retry` ends with a blank line of its own.
    whole_blocks: bool,
    events: u32,
    full: bool,
    /// Set when the frame must be flushed before the body runs on.
    pause: bool,
    failure: Option<Failure>,
}

impl<T: IntoEvent> FrameBuffer<T> {
    pub(crate) fn new(whole_blocks: bool) -> Self {
        Self { whole_blocks, ..Self::empty(encode) }
    }
}

impl<T> FrameBuffer<T> {
    fn empty(encode: fn(&mut Option<T>, &mut BytesMut) -> Result<(), Failure>) -> Self {
        Self {
            buf: BytesMut::new(),
            shared: None,
            length: 0,
            encode,
            pace: EmitPace::NEW,
            whole_blocks: false,
            events: 0,
            full: false,
            pause: false,
            failure: None,
        }
    }

    /// Encodes one event and takes it out of `event`. An event that cannot be encoded adds no bytes and fills
    /// the frame.
    pub(super) fn append(&mut self, event: &mut Option<T>) {
        self.unshare();
        if self.buf.capacity() == 0 {
            // Most frames of a stream have about the same length.
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

    /// Encodes one event that a body has emitted. If the frame is full afterwards, it must be flushed before
    /// the body runs on.
    #[inline]
    pub(super) fn emit(&mut self, event: &mut Option<T>) {
        self.append(event);
        self.pause = self.pace.emitted(self.events);
        self.full |= self.pause;
    }

    /// Called before the body runs: after an emit that has filled a frame, or after it has waited for
    /// something else.
    pub(super) fn begin(&mut self, from_an_emit: bool) {
        self.pace.begin(from_an_emit);
    }

    /// Called when the body has stopped running.
    pub(super) fn end(&mut self) {
        self.pace.end();
    }

    /// Appends one event that is already encoded.
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

    /// Appends an event of the response itself: the opening, the end, an error.
    pub(crate) fn append_own(&mut self, event: &Event) {
        self.unshare();
        let start = self.buf.len();
        event.encode(&mut self.buf);
        self.end_block(start);
    }

    /// Ends the event that begins at `start` with a blank line, if the stream consists of whole blocks.
    fn end_block(&mut self, start: usize) {
        if self.whole_blocks {
            end_block(&mut self.buf, start);
        }
    }

    /// Appends bytes of the response itself.
    pub(crate) fn append_bytes(&mut self, bytes: &[u8]) {
        self.unshare();
        self.buf.extend_from_slice(bytes);
    }

    /// Copies a shared first event into the buffer, because another one follows.
    fn unshare(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.buf.extend_from_slice(&shared);
        }
    }

    /// Whether the frame must be sent before another event is appended.
    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }

    /// Whether the frame must be flushed before the body that has emitted it runs on. Not so for a frame that
    /// a quick body has filled by its size.
    pub(crate) const fn must_pause(&self) -> bool {
        self.pause
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.buf.is_empty() && self.shared.is_none()
    }

    /// Takes the reason why the last event could not be encoded.
    pub(crate) const fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// Whether an event could not be encoded, so the stream must end.
    pub(super) const fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Takes the frame and the number of the body's events in it. A new frame begins.
    pub(crate) fn take(&mut self) -> (u32, Bytes) {
        let events = self.events;
        self.clear();
        let frame = self.shared.take().unwrap_or_else(|| {
            // With its whole capacity: an idle stream keeps no buffer.
            self.length = self.buf.len();
            mem::take(&mut self.buf).freeze()
        });
        (events, frame)
    }

    /// Begins a new frame after one whose events had no bytes to send.
    pub(crate) const fn clear(&mut self) {
        (self.events, self.full, self.pause) = (0, false, false);
    }

    /// Moves the contents into a new buffer for the emits of a body, and leaves an empty one.
    pub(super) fn lend(&mut self) -> Self {
        let lent = Self { pace: self.pace, ..Self::empty(self.encode) };
        mem::replace(self, lent)
    }
}

/// Adds a blank line to the event that begins at `start` and has none of its own. An event without a wire
/// form stays empty.
pub(super) fn end_block(buf: &mut BytesMut, start: usize) {
    if buf.len() > start && !buf.ends_with(b"\n\n") {
        buf.put_u8(b'\n');
    }
}

fn encode<T: IntoEvent>(event: &mut Option<T>, buf: &mut BytesMut) -> Result<(), Failure> {
    let Some(event) = event.take() else { return Ok(()) };
    // The conversion is user code: a panic ends this stream only.
    match guarded("an event's encoding", || event.encode_into(buf)) {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => {
            tracing::error!(target: "touka::stream", ?error, "an event could not be encoded");
            Err(Failure::unencodable())
        }
        None => Err(Failure::panicked()),
    }
}

/// The place where a source leaves its events.
pub(crate) enum Out<'a, T> {
    /// One event, for a reader of the [`Stream`](futures_core::Stream). It is written to the caller's place,
    /// because an event is large and each function that returned it would move it once more.
    One(&'a mut Option<T>),
    /// Any number of events, encoded for the wire.
    Frame(&'a mut FrameBuffer<T>),
}

impl<T> Out<'_, T> {
    pub(super) fn put(&mut self, event: T) {
        match self {
            Self::One(place) => **place = Some(event),
            Self::Frame(frame) => frame.append(&mut Some(event)),
        }
    }
}
