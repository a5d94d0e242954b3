//! [`last_bytes`], the last bytes of a stream.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::frame_buffer::end_block;
use super::jitter::spread;
use crate::error::CloseReason;
use crate::event::Event;

/// The range of the reconnection time at a shutdown. Random, so that clients do not all reach the successor
/// at the same instant.
const RETRY_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// Returns the last bytes of a stream that ends for this reason; empty if there are none.
///
/// First `last`, an event about the end: of an error, of an expired credential. Then, at a normal end,
/// `ending`, which tells a client not to reconnect. At a shutdown, instead, the line `retry: 2871`, drawn at
/// random, for a client that is to reconnect.
///
/// The `retry:` line has no blank line after it: some clients report a block without data as an event, and a
/// blank line would complete an event that the end of the stream has cut in two. With `whole_blocks` it has
/// one: a caller whose stream is inside an event passes `false`.
pub(crate) fn last_bytes(
    reason: CloseReason,
    last: Option<&Event>,
    ending: impl FnOnce() -> Option<Event>,
    whole_blocks: bool,
) -> Bytes {
    let closing = match reason {
        CloseReason::Completed => ending(),
        CloseReason::Shutdown => Some(Event::new().retry(spread(RETRY_RANGE.0, RETRY_RANGE.1))),
        _ => None,
    };
    let mut wire = BytesMut::new();
    for event in last.into_iter().chain(&closing) {
        let start = wire.len();
        event.encode(&mut wire);
        if whole_blocks {
            end_block(&mut wire, start);
        }
    }
    wire.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reason: CloseReason, last: Option<&Event>, whole_blocks: bool) -> String {
        let ending = || Some(Event::data("").event("done").id("done"));
        let bytes = last_bytes(reason, last, ending, whole_blocks);
        String::from_utf8(bytes.into()).expect("text")
    }

    #[test]
    fn a_normal_end_and_a_shutdown_have_their_own_last_bytes() {
        assert_eq!(text(CloseReason::Completed, None, false), "id: done\nevent: done\ndata: \n\n");
        let line = text(CloseReason::Shutdown, None, false);
        let delay = line.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix('\n')).expect("one line");
        assert!((1000..=3000).contains(&delay.parse::<u32>().expect("a number")), "{delay}");
        for reason in [CloseReason::Expired, CloseReason::Failed, CloseReason::Disconnected, CloseReason::Lagged] {
            assert_eq!(text(reason, None, false), "");
        }
    }

    #[test]
    fn the_event_about_the_end_comes_first() {
        let last = Event::data("sorry").event("error");
        assert_eq!(text(CloseReason::Failed, Some(&last), false), "event: error\ndata: sorry\n\n");
        assert!(text(CloseReason::Shutdown, Some(&last), false).starts_with("event: error\ndata: sorry\n\nretry: "));
    }

    #[test]
    fn whole_blocks_end_with_a_blank_line() {
        assert!(text(CloseReason::Shutdown, None, true).ends_with("\n\n"));
        let comment = Event::new().comment("bye");
        assert_eq!(text(CloseReason::Expired, Some(&comment), true), ": bye\n\n");
        assert_eq!(text(CloseReason::Expired, Some(&Event::new()), true), "");
    }
}
