//! Streams of events that are known from the start: [`EventStream::once`] and `EventStream::from_iter`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use super::event_stream::EventStream;
use super::failure::Failure;
use super::frame_buffer::Out;
use super::guard::Dropping;
use super::source::{Source, Step};

/// The events that are not taken yet.
struct List<T>(vec::IntoIter<T>);

/// Drops the events one by one: a second panicking destructor must not abort the process.
impl<T> Drop for List<T> {
    fn drop(&mut self) {
        let mut dropping = Dropping::default();
        for event in self.0.by_ref() {
            dropping.run(|| drop(event));
        }
        dropping.finish();
    }
}

/// No event is pinned.
impl<T> Unpin for List<T> {}

impl<T: Send> Source<T> for List<T> {
    fn poll_event(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        Poll::Ready(match self.0.next() {
            None => Step::End,
            Some(event) => {
                out.put(event);
                Step::Event
            }
        })
    }
}

impl<T: Send + 'static> EventStream<T> {
    /// A stream of one event, then the end.
    ///
    /// ```
    /// use axum::response::Response;
    /// use touka::{Event, EventStream};
    ///
    /// async fn not_yet() -> Response {
    ///     EventStream::once(Event::data("try later").event("closed")).end("done").into_response()
    /// }
    /// ```
    pub fn once(event: impl Into<T>) -> Self {
        [event].into_iter().collect()
    }
}

/// A stream of these events, then the end. All are taken from the iterator at once, so it must be finite: an iterator
/// that has no end, or that computes its events, is a loop in [`EventStream::generate`].
///
/// ```
/// use touka::EventStream;
///
/// let stream: EventStream = EventStream::from_iter(["one", "two"]);
/// let squares: EventStream = (1..=3).map(|number| (number * number).to_string()).collect();
/// # drop((stream, squares));
/// ```
impl<T: Send + 'static, V: Into<T>> FromIterator<V> for EventStream<T> {
    fn from_iter<I: IntoIterator<Item = V>>(events: I) -> Self {
        let events: Vec<T> = events.into_iter().map(Into::into).collect();
        Self::from_source(Box::pin(List(events.into_iter())))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_core::Stream;

    use super::*;
    use crate::error::CloseReason;
    use crate::event::Event;

    #[tokio::test]
    async fn all_events_come_in_order_and_the_end_is_normal() {
        let reasons = Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = Arc::clone(&reasons);
        let mut stream: EventStream =
            EventStream::from_iter(["one", "two"]).on_close(move |reason| told.lock().unwrap().push(reason));
        let mut seen = Vec::new();
        while let Some(event) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
            seen.push(event);
        }
        assert_eq!(seen, [Event::data("one"), Event::data("two")]);
        drop(stream);
        assert_eq!(*reasons.lock().unwrap(), [CloseReason::Completed]);
    }

    #[tokio::test]
    async fn once_is_one_event() {
        let mut stream: EventStream<u8> = EventStream::once(7);
        assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, Some(7));
        assert_eq!(poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await, None);
    }

    #[test]
    fn destructors_that_panic_are_all_run() {
        struct PanicsWhenDropped(Arc<AtomicU32>);
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
                panic!("this drop panics on purpose");
            }
        }
        let drops = Arc::<AtomicU32>::default();
        let events: Vec<_> = (0..3).map(|_| PanicsWhenDropped(Arc::clone(&drops))).collect();
        let stream = EventStream::<PanicsWhenDropped>::from_iter(events);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(stream))).is_ok(), "a panic ends its stream only");
        assert_eq!(drops.load(Ordering::Relaxed), 3);
    }
}
