//! [`Until`], a subscriber whose stream ends after an event that its handler chooses.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::end_test::EndTest;
use super::reading::{FromEvent, Reader, give};
use crate::stream::{Failure, Out, Source, Step};

/// The source of a stream that ends after the first published event for which the test is true.
pub(super) struct Until<R, T> {
    /// The reader and its test, until the server takes them.
    reader: Option<(R, EndTest)>,
    from_event: FromEvent<T>,
}

impl<R, T> Until<R, T> {
    pub(super) const fn new(reader: R, test: EndTest, from_event: FromEvent<T>) -> Self {
        Self { reader: Some((reader, test)), from_event }
    }
}

impl<R: Reader + Unpin, T: 'static> Source<T> for Until<R, T> {
    fn poll_event(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        let from_event = self.from_event;
        let Some((reader, test)) = &mut self.reader else { return Poll::Ready(Step::End) };
        loop {
            if let Some(Failure { reason, event, .. }) = test.take_end() {
                return Poll::Ready(Step::closed(reason, event.map(|event| *event)));
            }
            let item = match reader.poll_item(cx.waker()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Ready(Ok(item)) => item,
            };
            let is_last = item.published().is_some_and(|wire| test.is_last(wire));
            match give(item, out, from_event) {
                Ok(false) if !is_last => {}
                Ok(_) => return Poll::Ready(Step::Event),
                Err(end) => return Poll::Ready(end),
            }
        }
    }

    fn take_subscription(mut self: Pin<&mut Self>) -> Option<Box<dyn Any + Send>> {
        let (reader, test) = self.reader.take()?;
        reader.into_parts(test)
    }
}
