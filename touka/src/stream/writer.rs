//! [`EventWriter`] and the callback mode: a function that is called repeatedly.

use std::fmt;
use std::future::Future;

use tokio::task::coop::consume_budget;

use super::emitter::{Emit, Emitter};
use super::event_stream::EventStream;
use crate::event::Event;

/// The argument of a callback, which writes its events with it.
///
/// ```
/// use touka::{EventWriter, sse_handler};
///
/// #[sse_handler(callback)]
/// async fn countdown(mut left: u32, out: &mut EventWriter) -> bool {
///     out.write(left.to_string()).await;
///     left -= 1;
///     left > 0
/// }
/// # drop(countdown(3));
/// ```
pub struct EventWriter<T = Event> {
    out: Emitter<T>,
}

impl<T> EventWriter<T> {
    #[doc(hidden)] // for generated code
    pub const fn new(out: Emitter<T>) -> Self {
        Self { out }
    }

    /// Writes one event and waits until the connection has taken it, as [`Emitter::emit`] does.
    pub fn write(&mut self, event: impl Into<T>) -> Emit<'_, T> {
        self.out.emit(event)
    }
}

impl<T> fmt::Debug for EventWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventWriter").finish_non_exhaustive()
    }
}

impl<T: Send + 'static> EventStream<T> {
    /// Creates a stream from an async function that is called repeatedly, until it returns `false`.
    ///
    /// The function runs inside the connection, as a generator does: each call begins when the client has
    /// taken the events of the call before.
    ///
    /// ```
    /// use touka::EventStream;
    ///
    /// let mut left = 3;
    /// let stream: EventStream = EventStream::callback(move |mut out| {
    ///     left -= 1;
    ///     async move {
    ///         out.write(left.to_string()).await;
    ///         left > 0
    ///     }
    /// });
    /// ```
    pub fn callback<F, B>(mut call: F) -> Self
    where
        F: FnMut(EventWriter<T>) -> B + Send + 'static,
        B: Future<Output = bool> + Send,
    {
        Self::generate(|out| async move {
            while call(EventWriter::new(out.clone())).await {
                // A callback that neither writes nor waits would otherwise starve the other tasks of its
                // thread.
                consume_budget().await;
            }
        })
    }
}
