//! [`Until`], a subscriber whose stream ends after an event that its handler chooses.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::reading::{FromEvent, Reader, TopicItem, to_value};
use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::{Failure, Out, Source, Step, guarded};

/// The user's test for the last event.
pub(super) type IsLast = Box<dyn FnMut(&Event) -> bool + Send>;

/// The source of a stream that ends after the first published event for which the test is true.
///
/// The test is user code. It runs in the stream's own task and without a lock, so it costs its own stream only.
pub(super) struct Until<R, T> {
    reader: R,
    is_last: IsLast,
    from_event: FromEvent<T>,
    /// The end of the stream, once its last event is handed out.
    end: Option<Step<Failure>>,
}

impl<R, T> Until<R, T> {
    pub(super) const fn new(reader: R, is_last: IsLast, from_event: FromEvent<T>) -> Self {
        Self { reader, is_last, from_event, end: None }
    }

    /// Applies the test. The event is handed out in any case: after a panic, the client must not get it again when it
    /// comes back.
    fn test(&mut self, item: &TopicItem) {
        let TopicItem::Published(wire) = item else { return };
        self.end = match guarded("the test of `until`", || (self.is_last)(&Event::from_wire(wire))) {
            Some(false) => None,
            Some(true) => Some(Step::closed(CloseReason::Completed, None)),
            None => Some(Step::Abort(Failure::panicked())),
        };
    }
}

impl<R: Reader + Unpin, T: 'static> Source<T> for Until<R, T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let this = &mut *self;
        loop {
            if let Some(end) = this.end.take() {
                return Poll::Ready(end);
            }
            let item = match this.reader.poll_item(cx.waker()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Ready(Ok(item)) => item,
            };
            this.test(&item);
            match (&mut *out, item) {
                (Out::Frame(batch), TopicItem::Notice(event)) => {
                    batch.append_own(&event);
                    return Poll::Ready(Step::Event);
                }
                (Out::Frame(batch), TopicItem::Published(event)) => {
                    batch.append_encoded(event);
                    if this.end.is_some() || batch.is_full() {
                        return Poll::Ready(Step::Event);
                    }
                }
                (Out::One(value), item) => match to_value(item, this.from_event) {
                    Ok(None) => {}
                    Ok(read) => {
                        **value = read;
                        return Poll::Ready(Step::Event);
                    }
                    Err(end) => return Poll::Ready(end),
                },
            }
        }
    }
}
