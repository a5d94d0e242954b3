//! The last words of a stream that a shutdown ends.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::jitter::spread;
use crate::event::Event;

/// Clients of a server that goes away come back after a time drawn from this range, so that they
/// do not all meet its successor in one instant.
const COME_BACK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// The reconnection time for one client, drawn at random.
pub(crate) fn farewell() -> Bytes {
    let mut wire = BytesMut::new();
    Event::new().retry(spread(COME_BACK.0, COME_BACK.1)).encode(&mut wire);
    wire.freeze()
}
