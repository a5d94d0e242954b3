//! The last words of a stream that a shutdown ends.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::jitter::spread;
use crate::event::Event;

/// Clients of a server that goes away come back after a time drawn from this range, so that they
/// do not all meet its successor in one instant.
const COME_BACK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// The last bytes for a client that is to come back: `retry: 2871`, drawn at random.
///
/// Without a blank line, because a block without data is an event to some clients. Nor does it
/// complete an event of another library that the end has cut in two.
pub(crate) fn farewell(whole_block: bool) -> Bytes {
    let mut wire = BytesMut::new();
    Event::new().retry(spread(COME_BACK.0, COME_BACK.1)).encode(&mut wire);
    if whole_block {
        wire.put_u8(b'\n');
    }
    wire.freeze()
}
