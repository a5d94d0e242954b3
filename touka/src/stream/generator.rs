//! Streams of an async body that runs inside the connection.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::emitter::Emitter;
use super::event_stream::EventStream;
use super::failure::Failure;
use super::frame_buffer::Out;
use super::guard::{Dropping, Panic, catch, drop_guarded, log_panic};
use super::handler_error::HandlerError;
use super::opening::Opening;
use super::slot::Slot;
use super::source::{Abort, Fallible, Source, Step, poll_opened};

pin_project! {
    struct Generator<T, E, B> {
        slot: Arc<Slot<T>>,
        // Dropped as soon as it ends, so that its resources are free while the last bytes drain.
        #[pin]
        body: Option<B>,
        abort: Option<Abort<E>>,
    }

    impl<T, E, B> PinnedDrop for Generator<T, E, B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // An emitter in another task must not wait forever, even if the body's destructor panics.
            this.slot.close();
            let mut dropping = Dropping::default();
            dropping.run(|| this.body.set(None));
            dropping.run(|| drop(this.abort.take()));
            dropping.finish();
        }
    }
}

impl<T, E, B> Generator<T, E, B> {
    fn new(body: impl FnOnce(Emitter<T>) -> B) -> Self {
        let slot = Arc::new(Slot::new());
        // The function may run code before it returns its future.
        match catch(|| body(Emitter::new(Arc::clone(&slot)))) {
            Ok(body) => Self { slot, body: Some(body), abort: None },
            Err(panic) => Self { slot, body: None, abort: Some(Abort::Panic(panic)) },
        }
    }
}

impl<T, E, B: Future<Output = Result<(), E>>> Generator<T, E, B> {
    /// Polls the body, if it has not ended.
    fn run(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let mut this = self.project();
        let Some(body) = this.body.as_mut().as_pin_mut() else { return };
        // The body is not polled again after a panic: its state is only dropped.
        let ended = match catch(|| body.poll(cx)) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(Ok(()))) => None,
            Ok(Poll::Ready(Err(error))) => Some(Abort::Error(error)),
            Err(panic) => Some(Abort::Panic(panic)),
        };
        *this.abort = match catch(|| this.body.set(None)) {
            Ok(()) => ended,
            Err(panic) => Some(panicked_too(ended, panic)),
        };
    }

    /// Polls the body and takes what it has emitted. Returns whether there is, or may be, more to take.
    fn pick_up(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> bool {
        match out {
            Out::One(place) => {
                self.slot.begin(cx);
                self.as_mut().run(cx);
                self.slot.take(place)
            }
            Out::Frame(frame) => {
                if !self.slot.lend(cx, frame) {
                    return true;
                }
                self.as_mut().run(cx);
                self.slot.reclaim(frame) || frame.is_full()
            }
        }
    }
}

/// The end of a body whose destructor has panicked.
fn panicked_too<E>(ended: Option<Abort<E>>, panic: Panic) -> Abort<E> {
    match ended {
        // The first panic is the cause.
        Some(Abort::Panic(first)) => {
            log_panic("a destructor", panic);
            Abort::Panic(first)
        }
        ended => {
            drop_guarded(ended);
            Abort::Panic(panic)
        }
    }
}

impl<T, E, B> Fallible<T, E> for Generator<T, E, B>
where
    T: Send + 'static,
    E: HandlerError,
    B: Future<Output = Result<(), E>> + Send + 'static,
{
    fn poll_body(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Abort<E>>> {
        // An event whose emit was cancelled may still be in the slot after the body's end: it is sent.
        if self.as_mut().pick_up(cx, out) {
            return Poll::Ready(Step::Event);
        }
        let this = self.project();
        if this.body.is_some() {
            return Poll::Pending;
        }
        Poll::Ready(this.abort.take().map_or(Step::End, Step::Abort))
    }

    fn into_source(self: Pin<Box<Self>>) -> Pin<Box<dyn Source<T>>> {
        self
    }

    fn runs_a_body(&self) -> bool {
        true
    }
}

impl<T, E, B> Source<T> for Generator<T, E, B>
where
    T: Send + 'static,
    E: HandlerError,
    B: Future<Output = Result<(), E>> + Send + 'static,
{
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        poll_opened(self, cx, out)
    }

    fn runs_a_body(&self) -> bool {
        true
    }
}

impl<T: Send + 'static> EventStream<T> {
    /// Creates a stream from an async body that cannot fail. The body runs when the stream is first polled.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use touka::{Event, EventStream};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let stream: EventStream = EventStream::generate(|out| async move {
    ///     for number in 1..=2 {
    ///         out.emit(Event::data("tick").id(number)).await;
    ///     }
    /// });
    /// let events: Vec<Event> = stream.collect().await;
    /// assert_eq!(events, [Event::data("tick").id(1), Event::data("tick").id(2)]);
    /// # });
    /// ```
    pub fn generate<B>(body: impl FnOnce(Emitter<T>) -> B) -> Self
    where
        B: Future<Output = ()> + Send + 'static,
    {
        Self::from_source(Box::pin(Generator::new(|out| {
            let body = body(out);
            async move {
                body.await;
                Ok::<(), Infallible>(())
            }
        })))
    }

    /// Creates a stream from an async body that can fail. Await the result: it is ready when it is decided
    /// whether the response is a stream or the error.
    ///
    /// The head is held until the first emit, the end of the body, or one second ([`Opening::open_after`]
    /// changes that). An error before that is returned as the `Err`, and so becomes a real HTTP response. An
    /// error after that ends the stream with an `error` event, which has the error's status.
    ///
    /// ```
    /// use http::StatusCode;
    /// use touka::EventStream;
    ///
    /// async fn lines(path: &str) -> Result<EventStream, StatusCode> {
    ///     let text = std::fs::read_to_string(path).map_err(|_| StatusCode::NOT_FOUND);
    ///     EventStream::try_generate(|out| async move {
    ///         for line in text?.lines() {
    ///             out.emit(line).await;
    ///         }
    ///         Ok(())
    ///     })
    ///     .await
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert_eq!(lines("/no/such/file").await.unwrap_err(), StatusCode::NOT_FOUND);
    /// # });
    /// ```
    pub fn try_generate<E, B>(body: impl FnOnce(Emitter<T>) -> B) -> Opening<T, E>
    where
        E: HandlerError,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        Opening::new(Box::pin(Generator::new(body)))
    }

    /// Creates a stream from another `Stream`.
    ///
    /// ```
    /// use futures_util::stream;
    /// use touka::EventStream;
    ///
    /// let stream: EventStream = EventStream::from_stream(stream::iter(["one", "two"]));
    /// ```
    pub fn from_stream<S>(stream: S) -> Self
    where
        S: Stream<Item: Into<T> + Send> + Send + 'static,
    {
        Self::generate(|out| async move {
            let mut stream = pin!(stream);
            while let Some(event) = next(stream.as_mut()).await {
                out.emit(event).await;
            }
        })
    }

    /// Creates a stream from another `Stream` that can fail. An error before its first item is returned as
    /// the `Err`, a later one ends the stream with an `error` event, as with [`EventStream::try_generate`].
    ///
    /// ```
    /// use futures_util::stream;
    /// use touka::EventStream;
    /// use touka::response::StatusCode;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let lines = stream::iter([Ok("one"), Err(StatusCode::BAD_GATEWAY)]);
    /// let opened: Result<EventStream, StatusCode> = EventStream::from_try_stream(lines).await;
    /// assert!(opened.is_ok()); // the error comes later: an `error` event of the status 502
    ///
    /// let failed: Result<EventStream, StatusCode> =
    ///     EventStream::from_try_stream(stream::iter([Err::<&str, _>(StatusCode::BAD_GATEWAY)])).await;
    /// assert_eq!(failed.unwrap_err(), StatusCode::BAD_GATEWAY);
    /// # });
    /// ```
    pub fn from_try_stream<S, V, E>(stream: S) -> Opening<T, E>
    where
        S: Stream<Item = Result<V, E>> + Send + 'static,
        V: Into<T> + Send,
        E: HandlerError,
    {
        Self::try_generate(|out| async move {
            let mut stream = pin!(stream);
            while let Some(event) = next(stream.as_mut()).await {
                out.emit(event?).await;
            }
            Ok(())
        })
    }
}

async fn next<S: Stream>(mut stream: Pin<&mut S>) -> Option<S::Item> {
    std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await
}
