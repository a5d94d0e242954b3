//! [`EventSender`], the sending half of a bounded queue of events.

use std::fmt;
use std::time::Duration;

use tokio::sync::mpsc::{self, error};

use super::link::Link;
use crate::error::CloseReason;
use crate::event::Event;

/// The sending half of [`EventStream::channel`](crate::EventStream::channel). Clones can be moved to any task
/// or thread.
///
/// The stream ends when the last clone is dropped. When the client leaves first, each send returns an error
/// and [`closed`](Self::closed) returns the reason: stop then.
///
/// ```
/// use touka::{EventSender, EventStream};
///
/// async fn feed() -> EventStream {
///     let (events, stream) = EventStream::channel(32);
///     tokio::spawn(async move {
///         let mut number = 0;
///         while events.send(number.to_string()).await.is_ok() {
///             number += 1;
///         }
///     });
///     stream
/// }
/// ```
pub struct EventSender<T = Event> {
    queue: mpsc::Sender<T>,
    link: Link,
}

impl<T> EventSender<T> {
    pub(super) const fn new(queue: mpsc::Sender<T>, link: Link) -> Self {
        Self { queue, link }
    }

    /// Sends one event. Waits while the queue is full.
    ///
    /// # Errors
    /// The stream has ended. The error holds the event.
    ///
    /// # Cancellation
    /// If the future is dropped before it is ready, nothing is sent.
    pub async fn send(&self, event: impl Into<T>) -> Result<(), SendError<T>> {
        self.queue.send(event.into()).await.map_err(|error| SendError(error.0))
    }

    /// Sends one event if the queue has capacity for it now.
    ///
    /// # Errors
    /// The queue is full, or the stream has ended. The error holds the event.
    pub fn try_send(&self, event: impl Into<T>) -> Result<(), TrySendError<T>> {
        self.queue.try_send(event.into()).map_err(|error| match error {
            error::TrySendError::Full(event) => TrySendError::Full(event),
            error::TrySendError::Closed(event) => TrySendError::Closed(event),
        })
    }

    /// Sends one event. Waits while the queue is full, for at most this long.
    ///
    /// # Errors
    /// The queue stayed full, or the stream has ended. The error holds the event.
    ///
    /// # Cancellation
    /// If the future is dropped before it is ready, nothing is sent.
    pub async fn send_timeout(&self, event: impl Into<T>, longest: Duration) -> Result<(), TrySendError<T>> {
        // Reserves first, so that the event is never lost to the timeout.
        let event = event.into();
        match tokio::time::timeout(longest, self.queue.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(event);
                Ok(())
            }
            Ok(Err(_closed)) => Err(TrySendError::Closed(event)),
            Err(_elapsed) => Err(TrySendError::Full(event)),
        }
    }

    /// Sends one event from a thread that may block, such as that of a blocking function. Waits while the
    /// queue is full.
    ///
    /// # Errors
    /// The stream has ended. The error holds the event.
    ///
    /// # Panics
    /// When called in an async task: use [`send`](Self::send) there.
    pub fn blocking_send(&self, event: impl Into<T>) -> Result<(), SendError<T>> {
        self.queue.blocking_send(event.into()).map_err(|error| SendError(error.0))
    }

    /// Waits until the stream has ended, and returns the reason: the client has left, the server is shutting
    /// down, and so on. Ready at once if it has ended.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped: the next call returns the same reason.
    ///
    /// ```
    /// use touka::{CloseReason, Event, EventSender, EventStream};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let (events, stream): (EventSender<Event>, EventStream<Event>) = EventStream::channel(8);
    /// drop(stream);
    /// assert_eq!(events.closed().await, CloseReason::Disconnected);
    /// # });
    /// ```
    pub async fn closed(&self) -> CloseReason {
        self.link.ended().await
    }

    /// Whether the stream has ended.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

impl<T> Clone for EventSender<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), link: self.link.clone() }
    }
}

impl<T> fmt::Debug for EventSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// The error of a send to a stream that has ended. Holds the event.
///
/// ```
/// use touka::{EventSender, EventStream};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let (events, stream): (EventSender<String>, EventStream<String>) = EventStream::channel(8);
/// drop(stream);
/// let error = events.send("hello").await.unwrap_err();
/// assert_eq!(error.0, "hello");
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// The error of a send that did not wait. Holds the event.
///
/// ```
/// use touka::stream::TrySendError;
/// use touka::{EventSender, EventStream};
///
/// let (events, stream): (EventSender<String>, EventStream<String>) = EventStream::channel(1);
/// assert!(events.try_send("one").is_ok());
/// assert_eq!(events.try_send("two"), Err(TrySendError::Full("two".to_owned())));
/// drop(stream);
/// assert_eq!(events.try_send("three"), Err(TrySendError::Closed("three".to_owned())));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The queue is full: the client is slower than the events.
    Full(T),
    /// The stream has ended.
    Closed(T),
}

const CLOSED: &str = "the event stream has ended";

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED)
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the event stream's queue is full",
            Self::Closed(_) => CLOSED,
        })
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> std::error::Error for SendError<T> {}

impl<T> std::error::Error for TrySendError<T> {}
