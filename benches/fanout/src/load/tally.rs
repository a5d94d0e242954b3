//! Totals of all clients.

use std::time::Duration;

use fanout::{LoadReport, Percentiles};

/// The maximum number of errors that are printed. All are counted.
const PRINTED: u64 = 5;

pub(crate) struct Tally {
    /// The number of bytes that each event's data must have.
    pub(crate) payload: usize,
    pub(crate) doubled: u64,
    pub(crate) opened: Vec<u64>,
    pub(crate) errors: u64,
    first_error: Option<String>,
    /// Each event's latency, in nanoseconds.
    latencies: Vec<u64>,
}

impl Tally {
    pub(crate) fn new(payload: usize) -> Self {
        Self { payload, doubled: 0, opened: Vec::new(), errors: 0, first_error: None, latencies: Vec::new() }
    }

    /// Records that a connection's head arrived after this time.
    pub(crate) fn opened(&mut self, after: Duration) {
        self.opened.push(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn arrived(&mut self, latency_ns: u64) {
        self.latencies.push(latency_ns);
    }

    pub(crate) fn events(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn error(&mut self, what: &str) {
        self.errors += 1;
        if self.errors <= PRINTED {
            eprintln!("load: {what}");
        }
        self.first_error.get_or_insert_with(|| what.to_owned());
    }

    /// The report of clients that should each have received `published` events; `short` clients did not.
    pub(crate) fn report(self, connect: Duration, published: u64, short: u64) -> LoadReport {
        let connections = self.opened.len() as u64;
        let distinct = self.latencies.len() as u64 - self.doubled;
        let lost = (connections * published).saturating_sub(distinct);
        LoadReport {
            connections,
            connect_ms: connect.as_secs_f64() * 1000.0,
            connect_us: Percentiles::of_ns(self.opened),
            events: self.latencies.len() as u64,
            lost,
            short,
            doubled: self.doubled,
            errors: self.errors,
            first_error: self.first_error,
            latency_us: Percentiles::of_ns(self.latencies),
        }
    }
}
