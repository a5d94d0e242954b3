//! From events to frames: what opens and ends a stream, and keep-alive.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use crate::error::CloseReason;
use crate::event::{Event, IntoEvent};
use crate::stream::{Batch, EventStream, KeepAlive, Out, Step};

/// The body of an [`EventStream`]'s response.
#[derive(Debug)]
pub(super) struct Frames<T> {
    stream: EventStream<T>,
    batch: Batch<T>,
    keep_alive: KeepAlive,
    /// Runs from the first poll on, if the stream has a longest lifetime.
    lifetime: Option<Pin<Box<Sleep>>>,
    opened: bool,
    finished: bool,
}

/// What a round of polling left in the batch.
enum Filled {
    /// Something to send, or the end.
    Frame,
    /// Nothing, and the stream waits.
    Waiting,
    /// Nothing, though the stream is ready: it emits events that have no wire form.
    Nothing,
}

impl<T> Frames<T> {
    /// The stream, whatever of it was sent already.
    pub(super) fn into_stream(self) -> EventStream<T> {
        self.stream
    }
}

impl<T: IntoEvent> Frames<T> {
    pub(super) fn new(stream: EventStream<T>) -> Self {
        let options = stream.options();
        let (keep_alive, batch) = (KeepAlive::new(options.keep_alive), Batch::new(options.whole_blocks));
        Self { stream, batch, keep_alive, lifetime: None, opened: false, finished: false }
    }

    /// Nobody has asked for a frame yet.
    pub(super) const fn is_fresh(&self) -> bool {
        !self.opened
    }

    /// Does what belongs to the very beginning, and appends what is to be said there.
    fn open(&mut self) {
        self.opened = true;
        self.stream.lifecycle_mut().open();
        let options = self.stream.options();
        self.lifetime = options.lifetime().map(|lifetime| Box::pin(sleep(lifetime)));
        if let Some(opening) = options.opening() {
            self.batch.append_own(&opening);
        }
    }

    /// The stream has reached its longest lifetime. That is no normal end, so the event that would
    /// tell the client not to come back is not sent.
    fn expired(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(lifetime) = &mut self.lifetime else { return false };
        lifetime.as_mut().poll(cx).is_ready()
    }

    /// Collects events until the stream waits, has ended, or a frame is full.
    fn fill(&mut self, cx: &mut Context<'_>) -> Filled {
        loop {
            let step = self.stream.poll_event(cx, &mut Out::Batch(&mut self.batch));
            if let Some(failure) = self.batch.take_failure() {
                self.stream.close(failure.reason);
                return self.finish(failure.event.as_deref());
            }
            match step {
                Poll::Pending if self.batch.is_empty() => return Filled::Waiting,
                Poll::Ready(Step::End) => {
                    let ending = self.stream.options().ending();
                    return self.finish(ending.as_ref());
                }
                Poll::Ready(Step::Abort(failure)) => return self.finish(failure.event.as_deref()),
                Poll::Ready(Step::Event) if !self.batch.is_full() => {}
                Poll::Ready(Step::Event) if self.batch.is_empty() => return Filled::Nothing,
                Poll::Pending | Poll::Ready(Step::Event) => return Filled::Frame,
            }
        }
    }

    fn finish(&mut self, last: Option<&Event>) -> Filled {
        if let Some(event) = last {
            self.batch.append_own(event);
        }
        self.finished = true;
        Filled::Frame
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
            Filled::Frame if this.batch.is_empty() => return Poll::Ready(None),
            Filled::Frame => {
                let (events, frame) = this.batch.take();
                this.stream.lifecycle_mut().wrote(events, frame.len());
                frame
            }
            Filled::Waiting => {
                ready!(this.keep_alive.poll_due(cx));
                this.keep_alive.wrote();
                if this.stream.lifecycle().link().is_blocked() {
                    // The client has yet to take what was sent before: the connection is watched
                    // by the write timeout, and a comment would only wait behind it.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let comment = Bytes::from_static(this.stream.options().comment());
                this.stream.lifecycle_mut().wrote(0, comment.len());
                comment
            }
            Filled::Nothing => {
                this.batch.clear();
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
    use std::time::{Duration, Instant};

    use http_body_util::BodyExt;

    use super::*;
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
            assert!(frame.len() < 16 * 1024 + 1100, "{}", frame.len());
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
                while start.elapsed() < Duration::from_millis(1) {}
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
            assert_eq!(next(&mut frames).await.unwrap(), ":\n");
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
