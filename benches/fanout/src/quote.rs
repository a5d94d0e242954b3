//! The payload of events.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// An event's payload. Its JSON has the requested number of bytes, and its numbers come first, where the load
/// generator reads them without parsing the rest.
#[derive(Clone, Debug, Serialize)]
pub struct Quote {
    /// 1 for the first event, incremented for each.
    pub seq: u64,
    /// The time of publishing, in nanoseconds since 1970: one clock for all processes.
    pub sent_ns: u64,
    /// Fills the JSON up to its length.
    pub filler: String,
}

impl Quote {
    /// The event of that number, published now, whose JSON has `bytes` bytes (or the minimum of about 60).
    pub fn new(seq: u64, bytes: usize) -> Self {
        let sent_ns = now_ns();
        let frame = r#"{"seq":,"sent_ns":,"filler":""}"#.len() + digits(seq) + digits(sent_ns);
        Self { seq, sent_ns, filler: "x".repeat(bytes.saturating_sub(frame)) }
    }

    /// The quote as JSON.
    ///
    /// # Panics
    ///
    /// Never: numbers and a string always serialize.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and a string always serialize")
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Nanoseconds since 1970.
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Quote;

    #[test]
    fn a_quote_has_the_requested_number_of_bytes() {
        for bytes in [64, 1024, 16384] {
            for seq in [1, 9, 10, 999, 1000] {
                assert_eq!(Quote::new(seq, bytes).json().len(), bytes);
            }
        }
    }
}
