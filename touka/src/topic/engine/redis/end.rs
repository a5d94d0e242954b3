//! [`End`], the end of a feed, as Redis keeps it and sends it to nodes.

use redis::Value;

use crate::event::Event;
use crate::topic::engine::FeedEnd;
use crate::topic::engine::shared::feed_reason::parse_reason;
use crate::topic::position::Epoch;

/// The end of a feed. The number counts the ends of a topic.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) epoch: Epoch,
    pub(super) end: FeedEnd,
}

impl End {
    pub(super) fn new(epoch: u64, number: u64, at: u64, reason: &str, last: &[u8]) -> Self {
        let last = (!last.is_empty()).then(|| Event::from_wire(last));
        Self { epoch: Epoch::from_bits(epoch), end: FeedEnd { number, at, reason: parse_reason(reason), last } }
    }

    /// Parses a message, after its first word. Returns `None` for other bytes.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', message)?;
        let (head, last) = (str::from_utf8(&message[..end]).ok()?, &message[end + 1..]);
        let mut words = head.split(' ');
        let mut number = || words.next()?.parse().ok();
        let (epoch, count, at) = (number()?, number()?, number()?);
        Some(Self::new(epoch, count, at, words.next()?, last))
    }

    /// Parses the answer of the script that ends a feed. Returns `None` for another shape, and `Some(None)` if nothing was
    /// ended.
    #[expect(clippy::option_option, reason = "an answer that cannot be parsed is not one that says no")]
    pub(super) fn of_answer(answer: &Value, reason: &str, last: &[u8]) -> Option<Option<Self>> {
        let Value::Array(parts) = answer else { return None };
        let number = |value: &Value| match value {
            Value::BulkString(text) => str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        };
        match &parts[..] {
            [] => Some(None),
            [epoch, count, at] => Some(Some(Self::new(number(epoch)?, number(count)?, number(at)?, reason, last))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CloseReason;

    #[test]
    fn an_end_is_what_was_sent() {
        let End { epoch, end } = End::parse(b"777 3 12 failed\nevent: error\ndata: x\n\n").unwrap();
        assert_eq!((epoch, end.number, end.at, end.reason), (Epoch::from_bits(777), 3, 12, CloseReason::Failed));
        assert_eq!(end.last, Some(Event::data("x").event("error")));
        let end = End::parse(b"777 3 12 completed\n").unwrap().end;
        assert_eq!((end.reason, end.last), (CloseReason::Completed, None));
        for other in [&b"777 3 12"[..], b"777 3 completed\n", b"\n", b"", b"\xff 1 1 x\n"] {
            assert!(End::parse(other).is_none());
        }
    }
}
