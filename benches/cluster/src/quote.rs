//! The payload of events.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use touka::IntoEvent;

/// The number of bytes of the JSON of a quote.
pub(crate) const BYTES: usize = 64;

const FILLER: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// The payload of an event. Its JSON has [`BYTES`] bytes.
#[derive(Serialize, IntoEvent)]
pub(crate) struct Quote {
    /// 1 for the first event of a topic, and incremented for each.
    seq: u64,
    /// The time of the call of `publish`, in nanoseconds since 1970: one clock for all processes.
    sent_ns: u64,
    filler: &'static str,
}

impl Quote {
    /// The event of this number, published now.
    pub(crate) fn new(seq: u64) -> Self {
        let sent_ns = now_ns();
        let frame = r#"{"seq":,"sent_ns":,"filler":""}"#.len() + digits(seq) + digits(sent_ns);
        Self { seq, sent_ns, filler: &FILLER[..BYTES.saturating_sub(frame)] }
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
