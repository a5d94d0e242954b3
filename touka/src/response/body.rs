//! From events to frames: what opens and ends a stream, and keep-alive.

use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::flush::{Filled, Flush};
use crate::error::CloseReason;
use crate::event::{Event, IntoEvent};
use crate::stream::{Batch, EventStream, Failure, KeepAlive, Out, Step, farewell, keep};

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
    flush: Flush,
    /// Who has polled a body of the user's last.
    polled_by: Option<Waker>,
}

impl<T> Frames<T> {
    /// The last frame was given.
    pub(super) const fn is_finished(&self) -> bool {
        self.finished
    }

    /// The stream, whatever of it was sent already.
    pub(super) fn into_stream(self) -> EventStream<T> {
        self.stream
    }
}

impl<T: IntoEvent> Frames<T> {
    pub(super) fn new(stream: EventStream<T>) -> Self {
        let options = stream.options();
        let (keep_alive, batch) = (KeepAlive::new(options.keep_alive), Batch::new(options.whole_blocks));
        let (lifetime, flush, polled_by) = (None, Flush::Nothing, None);
        Self { stream, batch, keep_alive, lifetime, opened: false, finished: false, flush, polled_by }
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

    /// The end that comes though the body goes on: that of the credential, or of the longest lifetime. It is no
    /// normal end, so the event that would tell the client not to come back is not sent.
    fn expire(&mut self, cx: &mut Context<'_>) -> Option<Filled> {
        if let Poll::Ready(failure) = self.stream.poll_credential(cx) {
            return Some(self.fail(&failure));
        }
        let over = self.lifetime.as_mut()?.as_mut().poll(cx).is_ready();
        over.then(|| self.fail(&Failure { reason: CloseReason::Expired, event: None }))
    }

    /// The head waits for no step of the body, and neither does what is known when it leaves.
    fn fill_first(&mut self, cx: &mut Context<'_>) -> Filled {
        if !self.stream.runs_a_body() {
            return self.fill(cx);
        }
        self.stream.take_first(&mut Out::Batch(&mut self.batch));
        match self.batch.take_failure() {
            Some(failure) => self.fail(&failure),
            None if self.batch.is_empty() => Filled::Nothing,
            None => Filled::Frame(Flush::Running),
        }
    }

    /// Collects events until the stream waits, has ended, or a frame is full.
    fn fill(&mut self, cx: &mut Context<'_>) -> Filled {
        loop {
            let step = self.stream.poll_event(cx, &mut Out::Batch(&mut self.batch));
            if let Some(failure) = self.batch.take_failure() {
                return self.fail(&failure);
            }
            match step {
                Poll::Pending if self.batch.is_empty() => return Filled::Waiting,
                Poll::Ready(Step::End) => {
                    let ending = self.stream.options().ending();
                    return self.finish(ending.as_ref());
                }
                Poll::Ready(Step::Abort(failure)) => {
                    let finished = self.finish(failure.event.as_deref());
                    // Whatever server sends this: the client is to come back, to another process.
                    if failure.reason == CloseReason::Shutdown {
                        self.batch.append_bytes(&farewell(self.stream.options().whole_blocks));
                    }
                    return finished;
                }
                Poll::Ready(Step::Event) if !self.batch.is_full() => {}
                Poll::Ready(Step::Event) if self.batch.is_empty() => return Filled::Nothing,
                Poll::Pending => return Filled::Frame(Flush::Waiting),
                Poll::Ready(Step::Event) if self.batch.must_pause() => return Filled::Frame(Flush::Running),
                Poll::Ready(Step::Event) => return Filled::Frame(Flush::Nothing),
            }
        }
    }

    fn fail(&mut self, failure: &Failure) -> Filled {
        self.stream.close(failure.reason);
        self.finish(failure.event.as_deref())
    }

    fn finish(&mut self, last: Option<&Event>) -> Filled {
        if let Some(event) = last {
            self.batch.append_own(event);
        }
        self.finished = true;
        Filled::Frame(Flush::Nothing)
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
        let opens = !this.opened;
        if opens {
            this.open();
        }
        let expired = this.expire(cx);
        if expired.is_none() {
            ready!(mem::take(&mut this.flush).poll(this.polled_by.as_ref(), &mut this.keep_alive, cx));
        }
        let filled = expired.unwrap_or_else(|| if opens { this.fill_first(cx) } else { this.fill(cx) });
        let frame = match filled {
            Filled::Frame(_) if this.batch.is_empty() => return Poll::Ready(None),
            Filled::Frame(flush) => {
                let (events, frame) = this.batch.take();
                if this.stream.runs_a_body() {
                    let link = this.stream.lifecycle().link();
                    link.set_first(&frame);
                    this.flush = flush.for_writer(link.is_direct());
                    keep(&mut this.polled_by, cx.waker());
                }
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
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::{Duration, Instant};

    use http_body_util::BodyExt;

    use super::*;
    use crate::stream::Emitter;

    fn frames<B: Future<Output = ()> + Send + 'static>(body: impl FnOnce(Emitter) -> B) -> Frames<Event> {
        Frames::new(EventStream::generate(body))
    }

    async fn next(frames: &mut Frames<Event>) -> Option<Bytes> {
        Some(frames.frame().await?.unwrap().into_data().unwrap())
    }

    /// Whether the body has nothing now.
    async fn is_pending(frames: &mut Frames<Event>) -> bool {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *frames).poll_frame(cx).is_pending())).await
    }

    #[tokio::test]
    async fn the_head_and_each_event_can_be_flushed_before_the_body_runs_on() {
        let steps = Arc::new(AtomicU32::new(0));
        let step = Arc::clone(&steps);
        let mut frames = frames(|out| async move {
            for text in ["a", "b"] {
                step.fetch_add(1, Relaxed);
                out.emit(text).await;
            }
            step.fetch_add(1, Relaxed);
            pending::<()>().await;
        });
        for (count, frame) in [(0, "data: a\n\n"), (1, "data: b\n\n")] {
            // Here a server flushes.
            assert!(is_pending(&mut frames).await);
            assert_eq!(steps.load(Relaxed), count, "the body ran before");
            assert_eq!(next(&mut frames).await.unwrap(), frame);
        }
        assert!(is_pending(&mut frames).await);
        assert_eq!(steps.load(Relaxed), 2);
        assert!(is_pending(&mut frames).await);
        assert_eq!(steps.load(Relaxed), 3);
    }

    /// The body waits after its emit, and could go on at the next poll: what it has emitted is flushed before.
    #[tokio::test]
    async fn an_event_is_flushed_before_what_the_body_waited_for_is_worked_on() {
        let (go, wait) = tokio::sync::oneshot::channel();
        let steps = Arc::new(AtomicU32::new(0));
        let step = Arc::clone(&steps);
        let mut frames = frames(|out| async move {
            // After these its events share frames, and its emits are ready at once.
            for _ in 0..50 {
                out.emit("quick").await;
            }
            wait.await.unwrap();
            step.fetch_add(1, Relaxed);
            pending::<()>().await;
        });
        let mut text = Vec::new();
        while text.len() < 50 * "data: quick\n\n".len() {
            text.extend_from_slice(&next(&mut frames).await.unwrap());
        }
        go.send(()).unwrap();
        assert!(is_pending(&mut frames).await);
        assert_eq!(steps.load(Relaxed), 0);
        assert!(is_pending(&mut frames).await);
        assert_eq!(steps.load(Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn events_of_a_quick_body_share_a_frame_and_a_lone_one_is_not_held_back() {
        let (go, mut wait) = tokio::sync::mpsc::channel(1);
        let mut frames = frames(|out| async move {
            for _ in 0..32 {
                out.emit("quick").await;
            }
            while wait.recv().await.is_some() {
                out.emit("a").await;
                out.emit("b").await;
            }
        });
        for _ in 0..32 {
            assert_eq!(next(&mut frames).await.unwrap(), "data: quick\n\n");
        }
        for _ in 0..3 {
            go.send(()).await.unwrap();
            assert_eq!(next(&mut frames).await.unwrap(), "data: a\n\ndata: b\n\n");
        }
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
            // More would be two pieces over HTTP.
            assert!(frame.len() <= 16 * 1024, "{}", frame.len());
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
