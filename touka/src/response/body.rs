//! [`Frames`], from events to frames: the beginning and the end of a stream, and keep-alive.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::flush::{Filled, Flush};
use crate::error::CloseReason;
use crate::event::{Event, IntoEvent};
use crate::stream::{EventStream, Failure, FrameBuffer, KeepAlive, Out, Step, last_bytes};

/// The body of an [`EventStream`]'s response.
#[derive(Debug)]
pub(super) struct Frames<T> {
    stream: EventStream<T>,
    buffer: FrameBuffer<T>,
    keep_alive: KeepAlive,
    /// Runs from the first poll on, if the stream has a maximum lifetime.
    lifetime: Option<Pin<Box<Sleep>>>,
    opened: bool,
    finished: bool,
    /// Whether the last poll returned a frame.
    returned_frame: bool,
    /// Whether the last frame must be flushed before the handler's body is polled.
    flush: Flush,
}

impl<T> Frames<T> {
    /// Whether the last frame was returned.
    pub(super) const fn is_finished(&self) -> bool {
        self.finished
    }

    #[cfg(test)]
    pub(super) fn link(&self) -> &crate::stream::Link {
        self.stream.lifecycle().link()
    }

    /// Returns the stream, of which a part may have been sent.
    pub(super) fn into_stream(self) -> EventStream<T> {
        self.stream
    }
}

impl<T: IntoEvent> Frames<T> {
    pub(super) fn new(stream: EventStream<T>) -> Self {
        let options = stream.options();
        let (keep_alive, buffer) = (KeepAlive::new(options.keep_alive), FrameBuffer::new(options.whole_blocks));
        let (lifetime, flush) = (None, Flush::Needless);
        Self { stream, buffer, keep_alive, lifetime, opened: false, finished: false, returned_frame: false, flush }
    }

    /// Whether the body was never polled.
    pub(super) const fn is_fresh(&self) -> bool {
        !self.opened
    }

    /// Opens the stream: starts its lifetime, and appends its opening bytes.
    fn open(&mut self) {
        self.opened = true;
        self.stream.lifecycle_mut().open();
        let options = self.stream.options();
        self.lifetime = options.lifetime().map(|lifetime| Box::pin(sleep(lifetime)));
        if let Some(opening) = options.opening() {
            self.buffer.append_own(&opening);
        }
    }

    /// Ends the stream if its credential or its maximum lifetime is over, though the handler's body goes on. It is
    /// no normal end, so the event of [`EventStream::end`], which tells the client not to come back, is not sent.
    fn expire(&mut self, cx: &mut Context<'_>) -> Option<Filled> {
        if let Poll::Ready(failure) = self.stream.poll_credential(cx) {
            return Some(self.fail(&failure));
        }
        let over = self.lifetime.as_mut()?.as_mut().poll(cx).is_ready();
        over.then(|| self.fail(&Failure::closed(CloseReason::Expired, None)))
    }

    /// The first frame waits for no step of the handler's body. It has the events that exist when the head is sent.
    fn fill_first(&mut self, cx: &mut Context<'_>) -> Filled {
        if !self.stream.runs_a_body() {
            return self.fill(cx);
        }
        self.stream.take_first(&mut Out::Frame(&mut self.buffer));
        match self.buffer.take_failure() {
            Some(failure) => self.fail(&failure),
            None if self.buffer.is_empty() => Filled::Nothing,
            None => Filled::Frame(Flush::Needed),
        }
    }

    /// Collects events until the stream is pending or has ended, or a frame is full.
    fn fill(&mut self, cx: &mut Context<'_>) -> Filled {
        loop {
            let step = self.stream.poll_event(cx, &mut Out::Frame(&mut self.buffer));
            if let Some(failure) = self.buffer.take_failure() {
                return self.fail(&failure);
            }
            match step {
                Poll::Pending if self.buffer.is_empty() => return Filled::Waiting,
                Poll::Ready(Step::End) => return self.finish(CloseReason::Completed, None),
                Poll::Ready(Step::Abort(failure)) => return self.finish(failure.reason, failure.event.as_deref()),
                Poll::Ready(Step::Event) if !self.buffer.is_full() => {}
                Poll::Ready(Step::Event) if self.buffer.is_empty() => return Filled::Nothing,
                Poll::Pending => return Filled::Frame(Flush::Needed),
                Poll::Ready(Step::Event) if self.buffer.must_pause() => return Filled::Frame(Flush::Needed),
                Poll::Ready(Step::Event) => return Filled::Frame(Flush::Needless),
            }
        }
    }

    fn fail(&mut self, failure: &Failure) -> Filled {
        self.stream.close(failure.reason);
        self.finish(failure.reason, failure.event.as_deref())
    }

    fn finish(&mut self, reason: CloseReason, last: Option<&Event>) -> Filled {
        let options = self.stream.options();
        let last = last_bytes(reason, last, || options.ending(), options.whole_blocks);
        if !last.is_empty() {
            self.buffer.append_bytes(&last);
        }
        self.finished = true;
        Filled::Frame(Flush::Needless)
    }
}

impl<T: IntoEvent> Body for Frames<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if this.finished {
            return Poll::Ready(None);
        }
        // A server that polls again has written the last frame, or has at least buffered it.
        let just_written = if mem::take(&mut this.returned_frame) { this.keep_alive.record_write(cx) } else { None };
        let opens = !this.opened;
        if opens {
            this.open();
        }
        let expired = this.expire(cx);
        let flush = mem::replace(&mut this.flush, Flush::Needless);
        if expired.is_none() && flush == Flush::Needed && !this.stream.lifecycle().link().is_written() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let filled = expired.unwrap_or_else(|| if opens { this.fill_first(cx) } else { this.fill(cx) });
        let frame = match filled {
            Filled::Frame(_) if this.buffer.is_empty() => return Poll::Ready(None),
            Filled::Frame(flush) => {
                let (events, frame) = this.buffer.take();
                if this.stream.runs_a_body() {
                    this.stream.lifecycle().link().set_returned(&frame, flush == Flush::Needless);
                    this.flush = flush;
                }
                this.stream.lifecycle_mut().record_write(events, frame.len());
                frame
            }
            Filled::Waiting => {
                ready!(this.keep_alive.poll_due(just_written, cx));
                this.keep_alive.record_write(cx);
                if this.stream.lifecycle().link().is_blocked() {
                    // The client has yet to take earlier bytes. The write timeout watches the
                    // connection, and a comment would only queue behind them.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let comment = Bytes::from_static(this.stream.options().comment());
                this.stream.lifecycle_mut().record_write(0, comment.len());
                comment
            }
            Filled::Nothing => {
                this.buffer.clear();
                // Let the other tasks of the thread run.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        };
        this.returned_frame = true;
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.finished
    }
}
