//! The receiving half of a bounded queue, and the task or thread that may fill it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, spawn};

use super::blocking::Thread;
use super::channel::EventSender;
use super::contained::contained;
use super::event_stream::EventStream;
use super::failure::Failure;
use super::frame_buffer::Out;
use super::guard::{Dropping, Panic};
use super::handler_error::HandlerError;
use super::lifecycle::Lifecycle;
use super::link::Link;
use super::opening::Opening;
use super::source::{Abort, Fallible, Source, Step, poll_opened};

/// A queue whose senders may be anywhere.
struct EventQueue<T>(mpsc::Receiver<T>);

impl<T> EventQueue<T> {
    /// Closes the queue and drops the events in it.
    fn clear(&mut self, dropping: &mut Dropping) {
        self.0.close();
        while let Ok(event) = self.0.try_recv() {
            dropping.run(|| drop(event));
        }
    }
}

impl<T> Drop for EventQueue<T> {
    fn drop(&mut self) {
        let mut dropping = Dropping::default();
        self.clear(&mut dropping);
        dropping.finish();
    }
}

impl<T: Send> Source<T> for EventQueue<T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let Some(event) = ready!(self.0.poll_recv(cx)) else { return Poll::Ready(Step::End) };
        out.put(event);
        Poll::Ready(Step::Event)
    }
}

/// A queue with the task or the thread that fills it. The work starts when the queue is first polled, so a
/// request for the head alone starts nothing.
struct Spawned<T, E> {
    start: Option<Start<E>>,
    work: Option<Work<E>>,
    /// How the work has ended, if an event was still in the queue then.
    abort: Option<Abort<E>>,
    queue: EventQueue<T>,
}

type Start<E> = Box<dyn FnOnce() -> Work<E> + Send>;

/// The result of a body.
type BodyEnd<E> = Result<Result<(), E>, Panic>;

/// The work that fills a queue.
enum Work<E> {
    /// A task, which is aborted when this is dropped.
    Task(AbortHandle, oneshot::Receiver<BodyEnd<E>>),
    /// A blocking function, which cannot be aborted: it ends at its next send.
    Thread(Thread<E>),
}

impl<E> Drop for Work<E> {
    fn drop(&mut self) {
        if let Self::Task(task, _) = self {
            task.abort();
        }
    }
}

impl<E: Send + 'static> Work<E> {
    fn task(body: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        let (body, ended) = contained(body);
        Self::Task(spawn(body).abort_handle(), ended)
    }

    /// Polls for the end, with the reason if it is not a normal one.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Abort<E>>> {
        let ended = match self {
            Self::Task(_, ended) => ended,
            Self::Thread(thread) => return thread.poll(cx),
        };
        Poll::Ready(match ready!(Pin::new(ended).poll(cx)) {
            Ok(Ok(Err(error))) => Some(Abort::Error(error)),
            Ok(Err(panic)) => Some(Abort::Panic(panic)),
            // Only a runtime that shuts down drops a task whose handle still exists.
            Ok(Ok(Ok(()))) | Err(_) => None,
        })
    }
}

/// No part of it is pinned.
impl<T, E> Unpin for Spawned<T, E> {}

impl<T, E> Drop for Spawned<T, E> {
    fn drop(&mut self) {
        let mut dropping = Dropping::default();
        dropping.run(|| drop(self.start.take()));
        dropping.run(|| drop(self.work.take()));
        dropping.run(|| drop(self.abort.take()));
        self.queue.clear(&mut dropping);
        dropping.finish();
    }
}

impl<T, E: Send + 'static> Spawned<T, E> {
    /// Polls for the end of the body.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Option<Abort<E>>> {
        let Some(work) = &mut self.work else { return Poll::Ready(None) };
        let ended = ready!(work.poll(cx));
        self.work = None;
        Poll::Ready(ended)
    }
}

impl<T: Send + 'static, E: HandlerError> Fallible<T, E> for Spawned<T, E> {
    fn poll_body(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Abort<E>>> {
        if let Some(start) = self.start.take() {
            self.work = Some(start());
        }
        let received = self.queue.0.poll_recv(cx);
        let all_gone = received.is_ready();
        if let Poll::Ready(Some(event)) = received {
            out.put(event);
            return Poll::Ready(Step::Event);
        }
        // The body had ended before this poll, so all events that it had sent were taken.
        if let Some(abort) = self.abort.take() {
            return Poll::Ready(Step::Abort(abort));
        }
        // The stream ends when all senders are dropped and the body has ended: the body may have moved
        // senders to other tasks, or may still run after it has dropped its own.
        match self.poll_work(cx) {
            Poll::Ready(Some(abort)) => {
                // The body runs elsewhere, and may have sent an event since the queue was polled.
                let Poll::Ready(Some(event)) = self.queue.0.poll_recv(cx) else {
                    return Poll::Ready(Step::Abort(abort));
                };
                self.abort = Some(abort);
                out.put(event);
                Poll::Ready(Step::Event)
            }
            Poll::Ready(None) if all_gone => Poll::Ready(Step::End),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn into_source(self: Pin<Box<Self>>) -> Pin<Box<dyn Source<T>>> {
        self
    }
}

impl<T: Send + 'static, E: HandlerError> Source<T> for Spawned<T, E> {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        poll_opened(self, cx, out)
    }
}

impl<T: Send + 'static> EventStream<T> {
    /// Creates a stream from a bounded queue, and the sender that fills it.
    ///
    /// Events are taken from the queue as the client reads. `capacity` is the number of events that fit in
    /// it, at least one. No task is spawned: the caller decides what sends, and for how long.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use touka::{EventSender, EventStream};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let (events, stream): (EventSender<String>, EventStream<String>) = EventStream::channel(8);
    /// events.send("hello").await.unwrap();
    /// drop(events); // the end of the stream
    /// assert_eq!(stream.collect::<Vec<_>>().await, ["hello"]);
    /// # });
    /// ```
    pub fn channel(capacity: usize) -> (EventSender<T>, Self) {
        let link = Link::default();
        let (sender, queue) = mpsc::channel(capacity.max(1));
        let stream = Self::opened(None, Some(Box::pin(EventQueue(queue))), Lifecycle::new(link.clone()));
        (EventSender::new(sender, link), stream)
    }

    /// Creates a stream from an async body in a task of its own, with a bounded queue between: for producers
    /// that must not wait for the socket. The task is aborted when the client leaves.
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
            Work::task(async move {
                body(events).await;
                Ok::<(), Infallible>(())
            })
        });
        Self::opened(None, Some(source), Lifecycle::new(link))
    }

    /// Creates a stream as [`EventStream::spawn`] does, from a body that can fail. It opens as
    /// [`EventStream::try_generate`] does.
    pub fn try_spawn<E, B>(capacity: usize, body: impl FnOnce(EventSender<T>) -> B + Send + 'static) -> Opening<T, E>
    where
        E: HandlerError,
        B: Future<Output = Result<(), E>> + Send + 'static,
    {
        // Called within the task, so that a panic before the future exists is the task's too.
        let (source, link) = spawned(capacity, |events| Work::task(async move { body(events).await }));
        Opening::with_link(source, link)
    }

    /// Creates a stream from a blocking function on a thread of its own, with a bounded queue between.
    ///
    /// The function cannot be aborted: when the client has left, or the server ends the stream, its next send
    /// returns an error, and it should return. A function that rarely sends can check
    /// [`EventSender::is_closed`]. Unfinished work is lost when the process ends: neither a shutdown nor the
    /// end of `main` waits for the thread.
    ///
    /// # Limits
    /// A process runs 512 such functions at a time. A further stream opens and waits, in the order of the
    /// first polls, until another function has returned. tokio's blocking pool is not used, so its own work
    /// is not affected. For more clients than that, use [`EventStream::spawn`].
    ///
    /// # Errors
    /// A panic of the function ends the stream with an `error` event and
    /// [`CloseReason::Panicked`](crate::CloseReason::Panicked). So does an operating system that does not
    /// start a thread.
    ///
    /// ```
    /// use touka::EventStream;
    ///
    /// let stream: EventStream = EventStream::spawn_blocking(32, |events| {
    ///     for number in 0..3 {
    ///         std::thread::sleep(std::time::Duration::from_millis(10));
    ///         if events.blocking_send(number.to_string()).is_err() {
    ///             return;
    ///         }
    ///     }
    /// });
    /// ```
    pub fn spawn_blocking(capacity: usize, body: impl FnOnce(EventSender<T>) + Send + 'static) -> Self {
        let (source, link) = spawned(capacity, |events| {
            Work::Thread(Thread::new(move || {
                body(events);
                Ok::<(), Infallible>(())
            }))
        });
        Self::opened(None, Some(source), Lifecycle::new(link))
    }

    /// Creates a stream as [`EventStream::spawn_blocking`] does, from a function that can fail. It opens as
    /// [`EventStream::try_generate`] does.
    pub fn try_spawn_blocking<E>(
        capacity: usize,
        body: impl FnOnce(EventSender<T>) -> Result<(), E> + Send + 'static,
    ) -> Opening<T, E>
    where
        E: HandlerError,
    {
        let (source, link) = spawned(capacity, |events| Work::Thread(Thread::new(move || body(events))));
        Opening::with_link(source, link)
    }
}

fn spawned<T, E, F>(capacity: usize, start: F) -> (Pin<Box<Spawned<T, E>>>, Link)
where
    T: Send + 'static,
    F: FnOnce(EventSender<T>) -> Work<E> + Send + 'static,
{
    let link = Link::default();
    let (sender, queue) = mpsc::channel(capacity.max(1));
    let events = EventSender::new(sender, link.clone());
    let source = Spawned { start: Some(Box::new(|| start(events))), work: None, abort: None, queue: EventQueue(queue) };
    (Box::pin(source), link)
}
