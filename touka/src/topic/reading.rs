//! [`Reader`], what a stream reads from its topics, and the conversion of its events to values.

use std::any::{Any, type_name};
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::end_test::EndTest;
use super::gap::Gap;
use crate::error::{Error, Result};
use crate::event::{Event, EventId};
use crate::stream::{Failure, Out, Step, guarded};

/// One item of a topic's stream.
#[derive(Debug)]
pub(super) enum TopicItem {
    /// A published event, encoded.
    Published(Bytes),
    /// The published event that has closed the topic, encoded. It may be of another type than the others.
    Last(Bytes),
    /// An event of the stream itself.
    Notice(Notice),
}

impl TopicItem {
    /// The published event.
    pub(super) const fn published(&self) -> Option<&Bytes> {
        match self {
            Self::Published(wire) | Self::Last(wire) => Some(wire),
            Self::Notice(_) => None,
        }
    }
}

/// An event of the stream itself, which was not published.
#[derive(Debug)]
pub(super) enum Notice {
    /// A position, or a comment instead of it.
    Position(Event),
    Gap(Gap),
}

impl Notice {
    pub(super) fn into_event(self) -> Event {
        match self {
            Self::Position(event) => event,
            Self::Gap(gap) => gap.into_event(),
        }
    }
}

/// A subscriber of one or several topics, which can be read item by item.
pub(super) trait Reader: Send + Sized {
    /// The next item, or the end of the stream. No lock is held when this returns.
    fn poll_item(&mut self, waker: &Waker) -> Poll<Result<TopicItem, Step<Failure>>>;

    /// Whether the reader has read to the end of its topics, if [`poll_item`](Self::poll_item) was pending just now. It is
    /// pending as well while the engine reads older events for it.
    fn has_caught_up(&self) -> bool;

    /// The test for the last event of the stream, if the reader applies it to the events of its topics.
    fn test(&mut self) -> Option<&mut EndTest> {
        None
    }

    /// Moves the reader to the newest events. Returns its position there, and the gaps that it has not yielded yet.
    fn restart(&mut self) -> (EventId, Vec<Gap>);

    /// Returns the parts that a server serves without the stream, which ends with this call. `None` for a reader that
    /// needs a body.
    fn into_parts(self, _test: EndTest) -> Option<Box<dyn Any + Send>> {
        None
    }
}

/// The conversion from an event to a value.
pub(super) type FromEvent<T> = fn(Event) -> Result<T>;

/// Reads the next value for a reader in this process, into `value`.
pub(super) fn poll_value<T: 'static>(
    reader: &mut impl Reader,
    waker: &Waker,
    from_event: FromEvent<T>,
    value: &mut Option<T>,
) -> Poll<Step<Failure>> {
    loop {
        let Poll::Ready(item) = reader.poll_item(waker) else { return Poll::Pending };
        match item.and_then(|item| to_value(item, from_event)) {
            Ok(None) => {}
            Ok(read) => {
                *value = read;
                return Poll::Ready(Step::Event);
            }
            Err(end) => return Poll::Ready(end),
        }
    }
}

/// Gives an item to the stream. Returns whether the stream has enough for one poll.
///
/// # Errors
/// As [`to_value`].
pub(super) fn give<T: 'static>(
    item: TopicItem,
    out: &mut Out<'_, T>,
    from_event: FromEvent<T>,
) -> Result<bool, Step<Failure>> {
    match (out, item) {
        (Out::Frame(buffer), TopicItem::Notice(notice)) => {
            buffer.append_own(&notice.into_event());
            Ok(true)
        }
        (Out::Frame(buffer), TopicItem::Published(event) | TopicItem::Last(event)) => {
            buffer.append_encoded(event);
            Ok(buffer.is_full())
        }
        (Out::One(value), item) => {
            let read = to_value(item, from_event)?;
            let has_value = read.is_some();
            if has_value {
                **value = read;
            }
            Ok(has_value)
        }
    }
}

/// Converts an item to a value. `None` for a notice, unless the values are `Event`s: no other value can represent it.
///
/// The conversion is user code, so no lock may be held here.
///
/// # Errors
/// The event cannot be converted. The stream ends, and the cause is logged.
pub(super) fn to_value<T: 'static>(item: TopicItem, from_event: FromEvent<T>) -> Result<Option<T>, Step<Failure>> {
    let (wire, is_last) = match item {
        TopicItem::Published(wire) => (wire, false),
        TopicItem::Last(wire) => (wire, true),
        TopicItem::Notice(notice) => {
            let event = notice.into_event();
            // A comment has no meaning in this process.
            if event.as_id().is_none() && event.as_data().is_none() {
                return Ok(None);
            }
            // If `T` is `Event`, the event is passed on as it is.
            let mut event = Some(event);
            let event: &mut dyn Any = &mut event;
            return Ok(event.downcast_mut::<Option<T>>().and_then(Option::take));
        }
    };
    match guarded("reading an event of a topic", || from_event(Event::from_wire(&wire))) {
        Some(Ok(value)) => Ok(Some(value)),
        // The end of the stream says the same.
        Some(Err(_)) if is_last => Ok(None),
        Some(Err(error)) => {
            log_unreadable::<T>(&error);
            Err(Step::Abort(Failure::unencodable()))
        }
        None => Err(Step::Abort(Failure::panicked())),
    }
}

fn log_unreadable<T>(error: &Error) {
    tracing::error!(
        target: "touka::topic",
        values = type_name::<T>(),
        ?error,
        "an event of a topic cannot be read as a value: the stream ends. A type can be read if it is derived with \
         `#[event(read)]`, or implements `IntoEvent::from_event`; a `Topic<Event>` gives every topic's events"
    );
}
