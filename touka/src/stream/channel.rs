//! [`EventSender`] and the channel mode: events from anywhere, over a bounded queue.

use std::fmt;
use std::time::Duration;

use tokio::sync::mpsc::{self, error};

use super::link::Link;
use crate::error::CloseReason;
use crate::event::Event;

/// The sending end of [`EventStream::channel`](crate::EventStream::channel): clones go wherever
/// events come from.
///
/// The stream ends when the last clone is dropped. When the client leaves first, every send gives
/// an error and [`closed`](Self::closed) tells why: stop then.
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

    /// Sends one event; waits while the queue is full.
    ///
    /// # Errors
    /// The stream is gone; the event comes back.
    ///
    /// # Cancellation
    /// Dropped before it is ready, nothing is sent.
    pub async fn send(&self, event: impl Into<T>) -> Result<(), SendError<T>> {
        self.queue.send(event.into()).await.map_err(|error| SendError(error.0))
    }

    /// Sends one event if the queue has room for it now.
    ///
    /// # Errors
    /// The queue is full, or the stream is gone; the event comes back.
    pub fn try_send(&self, event: impl Into<T>) -> Result<(), TrySendError<T>> {
        self.queue.try_send(event.into()).map_err(|error| match error {
            error::TrySendError::Full(event) => TrySendError::Full(event),
            error::TrySendError::Closed(event) => TrySendError::Closed(event),
        })
    }

    /// Sends one event; waits while the queue is full, but no longer than this.
    ///
    /// # Errors
    /// The queue stayed full, or the stream is gone; the event comes back.
    pub async fn send_timeout(&self, event: impl Into<T>, longest: Duration) -> Result<(), TrySendError<T>> {
        // Room first, so that an event is never lost to the time-out.
        let event = event.into();
        match tokio::time::timeout(longest, self.queue.reserve()).await {
            Ok(Ok(room)) => {
                room.send(event);
                Ok(())
            }
            Ok(Err(_closed)) => Err(TrySendError::Closed(event)),
            Err(_elapsed) => Err(TrySendError::Full(event)),
        }
    }

    /// Sends one event from a thread that may block, such as a plain function's.
    ///
    /// # Errors
    /// The stream is gone; the event comes back.
    ///
    /// # Panics
    /// In an async task: there use [`send`](Self::send).
    pub fn blocking_send(&self, event: impl Into<T>) -> Result<(), SendError<T>> {
        self.queue.blocking_send(event.into()).map_err(|error| SendError(error.0))
    }

    /// Waits until the stream is gone, and tells why: the client has left, the server is shutting
    /// down, and so on.
    pub async fn closed(&self) -> CloseReason {
        self.link.gone().await
    }

    /// The stream is gone.
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

/// The stream is gone. Holds the event that was not sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why an event was not sent. Holds the event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The queue has no room: the client is slower than the events.
    Full(T),
    /// The stream is gone.
    Closed(T),
}

const CLOSED: &str = "the event stream is gone";

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
