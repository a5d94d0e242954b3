//! The load generator's report.

use serde::{Deserialize, Serialize};

/// Counts and times of events. One line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadReport {
    /// The number of connections that opened an event stream.
    pub connections: u64,
    /// The time in which all of them opened, in milliseconds.
    pub connect_ms: f64,
    /// The time from a connection's SYN to the end of the response's head, in microseconds.
    pub connect_us: Percentiles,
    /// Events that arrived whole.
    pub events: u64,
    /// Events that were published and did not arrive.
    pub lost: u64,
    /// Connections that lost any.
    pub short: u64,
    /// Events that arrived again, or after a later one.
    pub doubled: u64,
    /// Connections that failed or ended, responses that are no event stream, and events of another shape.
    pub errors: u64,
    /// The first error's text.
    pub first_error: Option<String>,
    /// The time from publishing to reading, in microseconds.
    pub latency_us: Percentiles,
}

/// Percentiles of durations, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 99 of 100 are shorter.
    pub p99: f64,
    /// 999 of 1,000 are shorter.
    pub p999: f64,
    /// The maximum.
    pub max: f64,
}

impl Percentiles {
    /// Computes them from nanoseconds, in any order.
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
