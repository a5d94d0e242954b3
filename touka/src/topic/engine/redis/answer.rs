//! [`Published`] and [`Read`], the answers of the scripts.

use redis::Value;

use super::end::End;
use super::message::{Message, tag};
use crate::topic::engine::shared::clock::Clock;
use crate::topic::position::{Epoch, Mark, Position};
use crate::topic::stored::Stored;

/// The answer of the script that appends an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) position: Position,
    pub(super) previous: Mark,
    /// The time of the publish, in milliseconds of Unix time.
    pub(super) time: u64,
}

/// The answer of the script that reads events.
#[derive(Debug)]
pub(super) struct Read {
    /// The position of the newest event. `None` if there is no topic.
    pub(super) head: Option<Position>,
    /// The end of the topic's last feed.
    pub(super) end: Option<End>,
    pub(super) events: Vec<Stored>,
}

/// The answer of the script that appends an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublishAnswer {
    /// The event is there.
    Published(Published),
    /// An earlier attempt may have appended the event, which may be trimmed by now.
    Unknown,
    /// The topic is closed, and the event is not there.
    Closed,
}

impl PublishAnswer {
    /// Parses the answer. Returns `None` for another shape.
    pub(super) fn parse(answer: &Value) -> Option<Self> {
        let Value::Array(parts) = answer else { return None };
        if parts.is_empty() {
            return Some(Self::Unknown);
        }
        if let [only] = &parts[..] {
            return (bytes(only)? == b"closed").then_some(Self::Closed);
        }
        let [epoch, offset, own, previous, time] = &parts[..] else { return None };
        let mark = Mark { offset: number(offset)?, tag: tag(number(own)?)? };
        let previous = Mark { offset: mark.offset.checked_sub(1)?, tag: tag(number(previous)?)? };
        let position = Position { epoch: Epoch::from_bits(number(epoch)?), mark };
        Some(Self::Published(Published { position, previous, time: number(time)? }))
    }
}

impl Read {
    /// Parses the answer. Returns `None` for another shape.
    ///
    /// The clock learns the time of Redis.
    pub(super) fn parse(answer: &Value, clock: &Clock) -> Option<Self> {
        let Value::Array(parts) = answer else { return None };
        let [epoch, offset, own, now, Value::Array(end), Value::Array(events)] = &parts[..] else { return None };
        clock.record(number(now)?);
        let head = if bytes(epoch)?.is_empty() {
            None
        } else {
            let mark = Mark { offset: number(offset)?, tag: tag(number(own)?)? };
            Some(Position { epoch: Epoch::from_bits(number(epoch)?), mark })
        };
        let end = match (head, &end[..]) {
            (Some(head), [count, at, reason, last]) => {
                let (reason, last) = (str::from_utf8(bytes(reason)?).ok()?, bytes(last)?);
                Some(End::new(head.epoch.bits(), number(count)?, number(at)?, reason, last))
            }
            _ => None,
        };
        let event = |pair: &[Value]| match pair {
            [head, body] => Some(Message::parse(bytes(head)?, bytes(body)?)?.to_stored(clock)),
            _ => None,
        };
        let events = events.chunks(2).map(event).collect::<Option<_>>()?;
        Some(Self { head, end, events })
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(text) => str::from_utf8(text).ok()?.parse().ok(),
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
