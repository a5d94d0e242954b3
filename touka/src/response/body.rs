//! From events to frames: encoding, coalescing, keep-alive.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use crate::error::{CloseReason, panic_text};
use crate::event::IntoEvent;
use crate::stream::{EventStream, Failure, KeepAlive, Step};

/// A frame is sent when it holds this much, though more events are ready: large enough that the
/// cost of a write is spread over many events, small enough to bound a slow client's memory.
const FRAME_BYTES: usize = 16 * 1024;

/// A frame is sent after this long, though more events are ready: a body that computes between
/// its events must not hold the first one back.
const FRAME_TIME: Duration = Duration::from_millis(1);

/// The comment that keeps an idle connection open. A whole block of its own, so that it never
/// stands inside an event.
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// The body of an [`EventStream`]'s response.
#[derive(Debug)]
pub(super) struct Frames<T> {
    stream: EventStream<T>,
    buf: BytesMut,
    keep_alive: KeepAlive,
    /// Runs from the first poll on, if the stream has a longest lifetime.
    lifetime: Option<Pin<Box<Sleep>>>,
    opened: bool,
    finished: bool,
}

/// What a round of polling left in the buffer.
enum Filled {
    /// Something to send, or the end.
    Frame,
    /// Nothing, and the stream waits.
    Waiting,
    /// Nothing, though the stream is ready: it emits events that have no wire form.
    Nothing,
}

impl<T: IntoEvent> Frames<T> {
    pub(super) fn new(stream: EventStream<T>) -> Self {
        let keep_alive = KeepAlive::new(stream.options().keep_alive);
        Self { stream, buf: BytesMut::new(), keep_alive, lifetime: None, opened: false, finished: false }
    }

    /// Does what belongs to the very beginning, and appends what is to be said there.
    fn open(&mut self) {
        self.opened = true;
        let options = self.stream.options();
        self.lifetime = options.lifetime().map(|lifetime| Box::pin(sleep(lifetime)));
        if let Some(opening) = options.opening() {
            opening.encode(&mut self.buf);
        }
    }

    /// The stream has reached its longest lifetime. That is no normal end, so the event that would
    /// tell the client not to come back is not sent.
    fn expired(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(lifetime) = &mut self.lifetime else { return false };
        lifetime.as_mut().poll(cx).is_ready()
    }

    /// Appends events until the stream waits, has ended, or a frame is full.
    fn fill(&mut self, cx: &mut Context<'_>) -> Filled {
        let (mut since, mut event) = (None, None);
        let mut events: u32 = 0;
        loop {
            match self.stream.poll_event(cx, &mut event) {
                Poll::Pending if self.buf.is_empty() => return Filled::Waiting,
                Poll::Pending => return Filled::Frame,
                Poll::Ready(Step::End) => {
                    if let Some(ending) = self.stream.options().ending() {
                        ending.encode(&mut self.buf);
                    }
                    self.finished = true;
                    return Filled::Frame;
                }
                Poll::Ready(Step::Abort(failure)) => {
                    self.fail(&failure);
                    return Filled::Frame;
                }
                Poll::Ready(Step::Event) => {}
            }
            if let Some(event) = event.take() {
                self.append(event);
            }
            if self.finished || self.buf.len() >= FRAME_BYTES {
                return Filled::Frame;
            }
            events += 1;
            // The clock costs as much as a short event, so a fast body is asked every fourth time.
            if events > 4 && !events.is_multiple_of(4) {
                continue;
            }
            let now = Instant::now();
            if now.duration_since(*since.get_or_insert(now)) >= FRAME_TIME {
                return if self.buf.is_empty() { Filled::Nothing } else { Filled::Frame };
            }
        }
    }

    /// Encodes one event; what cannot be encoded ends the stream and leaves no half event behind.
    fn append(&mut self, event: T) {
        let start = self.buf.len();
        // The conversion is the user's code, and a panic in it must cost this stream only.
        let encoded = catch_unwind(AssertUnwindSafe(|| event.encode_into(&mut self.buf)));
        let failure = match encoded {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::error!(target: "touka::stream", ?error, "an event could not be encoded");
                Failure::unencodable()
            }
            Err(panic) => {
                tracing::error!(target: "touka::stream", panic = panic_text(&*panic), "an event's encoding panicked");
                Failure::panicked()
            }
        };
        self.buf.truncate(start);
        self.stream.close(failure.reason);
        self.fail(&failure);
    }

    fn fail(&mut self, failure: &Failure) {
        failure.event.encode(&mut self.buf);
        self.finished = true;
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
        if !this.opened {
            this.open();
        }
        if this.expired(cx) {
            this.stream.close(CloseReason::Expired);
            this.finished = true;
            return Poll::Ready(None);
        }
        let frame = match this.fill(cx) {
            Filled::Frame if this.buf.is_empty() => return Poll::Ready(None),
            Filled::Frame => this.buf.split().freeze(),
            Filled::Waiting => {
                ready!(this.keep_alive.poll_due(cx));
                this.keep_alive.wrote();
                if this.stream.lifecycle().link().is_blocked() {
                    // The client has yet to take what was sent before: the connection is watched
                    // by the write timeout, and a comment would only wait behind it.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                KEEP_ALIVE
            }
            Filled::Nothing => {
                // Let the other tasks of the thread run.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        };
        this.keep_alive.wrote();
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};

    use http_body_util::BodyExt;

    use super::*;
    use crate::event::Event;
    use crate::stream::Emitter;

    fn frames<B>(body: impl FnOnce(Emitter) -> B) -> Frames<Event>
    where
        B: Future<Output = ()> + Send + 'static,
    {
        Frames::new(EventStream::generate(body))
    }

    async fn next(frames: &mut Frames<Event>) -> Option<Bytes> {
        Some(frames.frame().await?.unwrap().into_data().unwrap())
    }

    #[tokio::test]
    async fn ready_events_share_a_frame_and_a_lone_one_is_not_held_back() {
        let mut frames = frames(|out| async move {
            out.emit("a").await;
            out.emit("b").await;
            pending::<()>().await;
        });
        assert_eq!(next(&mut frames).await.unwrap(), "data: a\n\ndata: b\n\n");
        let waits = poll_fn(|cx| Poll::Ready(Pin::new(&mut frames).poll_frame(cx).is_pending())).await;
        assert!(waits);
    }

    #[tokio::test]
    async fn a_full_frame_is_sent_though_more_is_ready() {
        let mut frames = frames(|out| async move {
            loop {
                out.emit("x".repeat(1000)).await;
            }
        });
        for _ in 0..100 {
            let frame = next(&mut frames).await.unwrap();
            assert!(frame.len() < FRAME_BYTES + 1100, "{}", frame.len());
            assert!(frame.ends_with(b"\n\n"), "an event was cut");
        }
    }

    #[tokio::test]
    async fn a_body_that_computes_does_not_hold_its_first_event_back() {
        let mut frames = frames(|out| async move {
            loop {
                out.emit("x").await;
                // Busy, not asleep: the body must not give way here.
                let start = Instant::now();
                while start.elapsed() < FRAME_TIME {}
            }
        });
        for _ in 0..10 {
            assert!(next(&mut frames).await.unwrap().len() <= 3 * "data: x\n\n".len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_comments_and_data_resets_it() {
        let mut frames = frames(|out| async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            out.emit("late").await;
            pending::<()>().await;
        });
        let start = tokio::time::Instant::now();
        assert_eq!(next(&mut frames).await.unwrap(), "data: late\n\n");
        assert_eq!(start.elapsed().as_secs(), 10, "the keep-alive came before 15 s");
        for _ in 0..5 {
            let before = tokio::time::Instant::now();
            assert_eq!(next(&mut frames).await.unwrap(), ":\n\n");
            let waited = before.elapsed().as_millis();
            assert!((13_500..=16_502).contains(&waited), "{waited} ms");
        }
    }

    #[tokio::test]
    async fn events_without_wire_form_neither_end_the_stream_nor_starve_the_thread() {
        let mut frames = frames(|out| async move {
            loop {
                out.emit(Event::new()).await;
            }
        });
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut frames).poll_frame(cx).is_pending())).await;
        assert!(polled);
    }
}
