//! What the load generator says at its end.

use serde::{Deserialize, Serialize};

/// What arrived, and when. One line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadReport {
    /// How many were opened, and answered with an event stream.
    pub connections: u64,
    /// How long all of them took to open, in milliseconds.
    pub connect_ms: f64,
    /// How long each took, from its SYN to the end of the answer's head, in microseconds.
    pub connect_us: Percentiles,
    /// Events that arrived whole.
    pub events: u64,
    /// Events that were published and did not arrive.
    pub lost: u64,
    /// Connections that lost any.
    pub short: u64,
    /// Events that arrived again, or after a later one.
    pub doubled: u64,
    /// Connections that failed or ended, answers that are no event stream, and events of another shape.
    pub errors: u64,
    /// What the first error was.
    pub first_error: Option<String>,
    /// From the moment of publishing to the moment of reading, in microseconds.
    pub latency_us: Percentiles,
}

/// Of many durations, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// The middle one.
    pub p50: f64,
    /// 99 of 100 are shorter.
    pub p99: f64,
    /// 999 of 1,000 are shorter.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Percentiles {
    /// Of nanoseconds, in any order.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn of_ns(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        let at = |per_mille: usize| {
            let index = (all.len() * per_mille / 1000).min(all.len().saturating_sub(1));
            all.get(index).map_or(0.0, |&ns| ns as f64 / 1000.0)
        };
        Self { p50: at(500), p99: at(990), p999: at(999), max: at(1000) }
    }
}
