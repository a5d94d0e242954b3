//! The reading end of the channel mode, and the task that may fill it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::response::IntoResponse;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, spawn, spawn_blocking};

use super::batch::Out;
use super::channel::EventSender;
use super::event_stream::EventStream;
use super::failure::Failure;
use super::link::Link;
use super::opening::Opening;
use super::source::{Abort, Fallible, Source, Step, poll_opened};

/// A queue that senders anywhere fill.
struct Queue<T>(mpsc::Receiver<T>);

impl<T: Send> Source<T> for Queue<T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let Some(event) = ready!(self.0.poll_recv(cx)) else { return Poll::Ready(Step::End) };
        out.put(event);
        Poll::Ready(Step::Event)
    }
}

/// A queue with the task that fills it. The task begins when the queue is first read, so a request
/// that wants only the head starts nothing; it is aborted when the stream is dropped.
struct Spawned<T, E> {
    start: Option<Start<E>>,
    task: Option<Task<E>>,
    queue: mpsc::Receiver<T>,
}

type Start<E> = Box<dyn FnOnce() -> JoinHandle<Result<(), E>> + Send>;

/// A task that ends with its owner. One on the blocking pool cannot be aborted: it ends at its next
/// send.
struct Task<E>(JoinHandle<Result<(), E>>);

impl<E> Drop for Task<E> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T, E> Spawned<T, E> {
    /// The body's abort, once it has ended with one.
    fn poll_task(&mut self, cx: &mut Context<'_>) -> Poll<Option<Abort<E>>> {
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(&mut task.0).poll(cx));
        self.task = None;
        Poll::Ready(match ended.map_err(JoinError::try_into_panic) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Abort::Error(error)),
            Err(Ok(panic)) => Some(Abort::Panic(panic)),
            // Only a runtime that shuts down aborts a task that we still hold.
            Err(Err(_cancelled)) => None,
        })
    }
}

impl<T: Send + 'static, E: IntoResponse + Send + 'static> Fallible<T, E> for Spawned<T, E> {
    fn poll_body(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Abort<E>>> {
        if let Some(start) = self.start.take() {
            self.task = Some(Task(start()));
        }
        let received = self.queue.poll_recv(cx);
        let all_gone = received.is_ready();
        if let Poll::Ready(Some(event)) = received {
            out.put(event);
            return Poll::Ready(Step::Event);
        }
        // The queue is empty now, so an error here comes after all that was sent before it. The
        // end, however, needs both: the body may have handed senders on, or may still be busy
        // after it has dropped its own.
        match self.poll_task(cx) {
            Poll::Ready(Some(abort)) => Poll::Ready(Step::Abort(abort)),
            Poll::Ready(None) if all_gone => Poll::Ready(Step::End),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn into_source(self: Pin<Box<Self>>) -> Pin<Box<dyn Source<T>>> {
        self
    }
}

impl<T: Send + 'static, E: IntoResponse + Send + 'static> Source<T> for Spawned<T, E> {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        poll_opened(self, cx, out)
    }
}

impl<T: Send + 'static> EventStream<T> {
    /// A stream from a bounded queue, and the sender that fills it.
    ///
    /// Events are taken from the queue as the client reads; `capacity` of them may wait there, at
    /// least one. Nothing is spawned: who sends, and for how long, is yours.
    pub fn channel(capacity: usize) -> (EventSender<T>, Self) {
        let link = Link::default();
        let (sender, queue) = mpsc::channel(capacity.max(1));
        let stream = Self::opened(None, Some(Box::pin(Queue(queue))), link.clone());
        (EventSender::new(sender, link), stream)
    }

    /// A stream from an async body in a task of its own, with a bounded queue between: for
    /// producers that must not wait for the socket. The task is aborted when the client leaves.
    ///
    /// ```
    /// use touka::EventStream;
    ///
    /// let stream: EventStream = EventStream::spawn(32, |events| async move {
    ///     while events.send("tick").await.is_ok() {
    ///         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ///     }
    /// });
    /// ```
    pub fn spawn<B>(capacity: usize, body: impl FnOnce(EventSender<T>) -> B + Send + 'static) -> Self
    where
        B: Future<Output = ()> + Send + 'static,
    {
        let (source, link) = spawned(capacity, |events| {
            spawn(async move {
                body(events).await;
                Ok::<(), Infallible>(())
            })
        });
        Self::opened(None, Some(source), link)
    }

    /// [`EventStream::spawn`] with a body that can fail; it opens as
    /// [`EventStream::try_generate`] does.
    pub fn try_spawn<E, B>(capacity: usize, body: impl FnOnce(EventSender<T>) -> B + Send + 'static) -> Opening<T, E>
    where
        E: IntoResponse + Send + 'static,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        let (source, link) = spawned(capacity, |events| spawn(body(events)));
        Opening::with_link(source, link)
    }

    /// A stream from a plain function on a thread that may block, with a bounded queue between.
    /// It cannot be aborted: it ends at its first send after the client has left.
    pub fn spawn_blocking(capacity: usize, body: impl FnOnce(EventSender<T>) + Send + 'static) -> Self {
        let (source, link) = spawned(capacity, |events| {
            spawn_blocking(move || {
                body(events);
                Ok::<(), Infallible>(())
            })
        });
        Self::opened(None, Some(source), link)
    }

    /// [`EventStream::spawn_blocking`] with a function that can fail; it opens as
    /// [`EventStream::try_generate`] does.
    pub fn try_spawn_blocking<E>(
        capacity: usize,
        body: impl FnOnce(EventSender<T>) -> Result<(), E> + Send + 'static,
    ) -> Opening<T, E>
    where
        E: IntoResponse + Send + 'static,
    {
        let (source, link) = spawned(capacity, |events| spawn_blocking(move || body(events)));
        Opening::with_link(source, link)
    }
}

fn spawned<T, E, F>(capacity: usize, start: F) -> (Pin<Box<Spawned<T, E>>>, Link)
where
    T: Send + 'static,
    F: FnOnce(EventSender<T>) -> JoinHandle<Result<(), E>> + Send + 'static,
{
    let link = Link::default();
    let (sender, queue) = mpsc::channel(capacity.max(1));
    let events = EventSender::new(sender, link.clone());
    let source = Spawned { start: Some(Box::new(|| start(events))), task: None, queue };
    (Box::pin(source), link)
}
