//! All runs of a server in a case, as a few numbers.

use std::collections::BTreeSet;

use fanout::Percentiles;

use crate::case::{BAR, Case};
use crate::measure::Measured;
use crate::records::Record;
use crate::servers::{SERVERS, Server};

/// The spread of several runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, min, max })
    }
}

pub(crate) struct Figures {
    pub(crate) server: &'static Server,
    pub(crate) runs: usize,
    /// Microseconds of CPU time per delivery.
    pub(crate) cpu: Spread,
    /// CPU time as a multiple of that of `bare` in the same round.
    pub(crate) ratio: Option<Spread>,
    /// KB per connection.
    pub(crate) idle: Spread,
    pub(crate) busy: Spread,
    pub(crate) peak: Spread,
    /// Medians, in milliseconds.
    pub(crate) latency: Percentiles,
    pub(crate) connect_ms: f64,
    /// The minimum of connections in any run, and sums over all of them.
    pub(crate) connections: u64,
    pub(crate) events: u64,
    pub(crate) lost: u64,
    pub(crate) short: u64,
    pub(crate) doubled: u64,
    pub(crate) errors: u64,
}

pub(crate) struct Summary {
    records: Vec<Record>,
}

impl Summary {
    pub(crate) fn new(records: Vec<Record>) -> Self {
        Self { records }
    }

    /// The measured cases, by payload and then by clients.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let keys: BTreeSet<_> =
            self.records.iter().map(|record| (record.case.payload, record.case.connections)).collect();
        let of = |(payload, connections)| self.records.iter().find(|r| r.case.key() == (connections, payload));
        keys.into_iter().filter_map(of).map(|record| record.case).collect()
    }

    /// The case of DESIGN's bar on CPU, or the first there is.
    pub(crate) fn main_case(&self) -> Option<Case> {
        let cases = self.cases();
        cases.iter().find(|case| case.key() == BAR).or(cases.first()).copied()
    }

    /// The case with the most clients, at the smallest payload.
    pub(crate) fn most_clients(&self) -> Option<Case> {
        let smallest = self.cases().first()?.payload;
        self.cases().into_iter().rfind(|case| case.payload == smallest)
    }

    /// The servers that finished a run of the case.
    pub(crate) fn figures(&self, case: &Case) -> Vec<Figures> {
        SERVERS.iter().filter_map(|server| self.of(server.key, case.key())).collect()
    }

    pub(crate) fn of(&self, server: &str, case: (u64, usize)) -> Option<Figures> {
        let server = SERVERS.iter().find(|known| known.key == server)?;
        let runs: Vec<(&str, &Measured)> = self.runs(server.key, case).collect();
        let spread = |figure: fn(&Measured) -> f64| Spread::of(runs.iter().map(|(_, run)| figure(run)));
        let median = |figure: fn(&Measured) -> f64| spread(figure).map_or(0.0, |spread| spread.median);
        let sum = |figure: fn(&Measured) -> u64| runs.iter().map(|(_, run)| figure(run)).sum();
        let ratios = runs.iter().filter_map(|(round, run)| {
            let bare = self.runs("bare", case).find(|(other, _)| other == round)?.1;
            Some(run.per_delivery() / bare.per_delivery())
        });
        Some(Figures {
            server,
            runs: runs.len(),
            cpu: spread(Measured::per_delivery)?,
            ratio: Spread::of(ratios),
            idle: spread(Measured::idle)?,
            busy: spread(Measured::busy)?,
            peak: spread(Measured::peak)?,
            latency: Percentiles {
                p50: median(|run| run.load.latency_us.p50 / 1000.0),
                p99: median(|run| run.load.latency_us.p99 / 1000.0),
                p999: median(|run| run.load.latency_us.p999 / 1000.0),
                max: median(|run| run.load.latency_us.max / 1000.0),
            },
            connect_ms: median(|run| run.load.connect_ms),
            connections: runs.iter().map(|(_, run)| run.load.connections).min()?,
            events: sum(|run| run.load.events),
            lost: sum(|run| run.load.lost),
            short: sum(|run| run.load.short),
            doubled: sum(|run| run.load.doubled),
            errors: sum(|run| run.load.errors),
        })
    }

    fn runs(&self, server: &str, case: (u64, usize)) -> impl Iterator<Item = (&str, &Measured)> {
        self.records
            .iter()
            .filter(move |record| record.server == server && record.case.key() == case)
            .filter_map(|record| Some((record.round.as_str(), record.outcome.as_ref().ok()?)))
    }

    /// Failed runs: server, case, and error.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, &Case, &str)> {
        self.records.iter().filter_map(|record| {
            let why = record.outcome.as_ref().err()?;
            Some((record.server.as_str(), &record.case, why.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_median_is_the_middle_or_between_the_two() {
        let median = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
