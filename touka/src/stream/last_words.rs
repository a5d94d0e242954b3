//! [`last_words`], what a stream says at its end.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::batch::end_block;
use super::jitter::spread;
use crate::error::CloseReason;
use crate::event::Event;

/// Clients of a server that goes away come back after a time drawn from this range, so that they
/// do not all meet its successor in one instant.
const COME_BACK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// The last bytes of a stream that ends for this reason; empty where there is nothing to say.
///
/// First `last`, an event that tells of the end: of an error, of a credential that has expired. Then, at
/// a normal end, `ending`, which tells a client not to come back. At a shutdown the opposite: the line
/// `retry: 2871`, drawn at random, for a client that is to come back.
///
/// The `retry:` line has no blank line behind it, because a block without data is an event to some clients,
/// and because a blank line would complete an event that the end of the stream has cut in two. With
/// `whole_blocks` it has one: a caller whose stream stands within an event passes `false`.
pub(crate) fn last_words(
    reason: CloseReason,
    last: Option<&Event>,
    ending: impl FnOnce() -> Option<Event>,
    whole_blocks: bool,
) -> Bytes {
    let closing = match reason {
        CloseReason::Completed => ending(),
        CloseReason::Shutdown => Some(Event::new().retry(spread(COME_BACK.0, COME_BACK.1))),
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

    fn said(reason: CloseReason, last: Option<&Event>, whole_blocks: bool) -> String {
        let ending = || Some(Event::data("").event("done").id("done"));
        let words = last_words(reason, last, ending, whole_blocks);
        String::from_utf8(words.into()).expect("text")
    }

    #[test]
    fn a_normal_end_tells_not_to_come_back_and_a_shutdown_to_come_back() {
        assert_eq!(said(CloseReason::Completed, None, false), "id: done\nevent: done\ndata: \n\n");
        let farewell = said(CloseReason::Shutdown, None, false);
        let delay = farewell.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix('\n')).expect("one line");
        assert!((1000..=3000).contains(&delay.parse::<u32>().expect("a number")), "{delay}");
        for reason in [CloseReason::Expired, CloseReason::Failed, CloseReason::Disconnected, CloseReason::Lagged] {
            assert_eq!(said(reason, None, false), "");
        }
    }

    #[test]
    fn the_event_that_tells_of_the_end_comes_first() {
        let last = Event::data("sorry").event("error");
        assert_eq!(said(CloseReason::Failed, Some(&last), false), "event: error\ndata: sorry\n\n");
        assert!(said(CloseReason::Shutdown, Some(&last), false).starts_with("event: error\ndata: sorry\n\nretry: "));
    }

    #[test]
    fn whole_blocks_end_with_a_blank_line() {
        assert!(said(CloseReason::Shutdown, None, true).ends_with("\n\n"));
        let comment = Event::new().comment("bye");
        assert_eq!(said(CloseReason::Expired, Some(&comment), true), ": bye\n\n");
        assert_eq!(said(CloseReason::Expired, Some(&Event::new()), true), "");
    }
}
