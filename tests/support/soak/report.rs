//! The observations of a soak test, and their evaluation.

use std::fmt;

use super::sample::Sample;

/// By how many bytes the heap in use may be larger after the last quarter's clients than after the second's.
///
/// Both are measured when all clients have disconnected, so neither depends on how many there were at a time,
/// or on the machine's speed. What a server then keeps is the capacity that its tables grew to, and the first
/// two quarters have grown them. Between the two measurements come half of all clients: some 15,000 in a
/// minute, for which this is about one byte each.
const MARGIN: u64 = 16 * 1024;

/// The observations of a soak test. Displayed as a table.
#[derive(Clone, Debug)]
pub struct Report {
    /// Before the first client.
    pub start: Sample,
    /// Four periods of clients that come and go.
    pub quarters: Vec<Quarter>,
    /// Faults that were found during the run.
    pub failed: Vec<String>,
}

/// A quarter of a soak.
#[derive(Clone, Debug)]
pub struct Quarter {
    /// One sample a second while clients came and went.
    pub samples: Vec<Sample>,
    /// The sample after all of them had disconnected.
    pub rest: Sample,
}

impl Report {
    /// All faults; empty if the server has passed.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.failed.clone();
        let mut check = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let start = &self.start;
        let mut before = start;
        for (number, Quarter { rest, .. }) in (1..).zip(&self.quarters) {
            let what = |what: String| format!("after quarter {number} {what}");
            check(rest.held == 0, what(format!("{} handlers are held", rest.held)));
            check(
                rest.tasks == start.tasks,
                what(format!("{} tasks are alive, {} at the start", rest.tasks, start.tasks)),
            );
            let (open, opened) = (rest.descriptors, start.descriptors);
            check(open == opened, what(format!("{open} descriptors are open, {opened} at the start")));
            let served = rest.visits > before.visits && rest.events > before.events;
            check(served, format!("no client was served in quarter {number}"));
            before = rest;
        }
        let (second, last) = (self.quarters[1].rest.live, self.quarters[3].rest.live);
        check(
            last <= second + MARGIN,
            format!(
                "memory grows: {last} bytes after the last quarter, {second} after the second, {MARGIN} more are allowed"
            ),
        );
        faults
    }
}

/// The median of the values.
fn median(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<_> = samples.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Writes a line of the table. Clients and events are those since `before`.
fn line(f: &mut fmt::Formatter<'_>, name: &str, before: &Sample, sample: &Sample) -> fmt::Result {
    let Sample { visits, events, resident, anonymous, live, descriptors, tasks, held } = sample;
    let (visits, events, live) = (visits - before.visits, events - before.events, live / 1024);
    writeln!(
        f,
        "{name:<14}{visits:>10}{events:>12}{resident:>11}{anonymous:>13}{live:>10}{descriptors:>13}{tasks:>8}{held:>8}"
    )
}

/// Shows for each quarter the median sample, and the sample after all clients had disconnected.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14}{:>10}{:>12}{:>11}{:>13}{:>10}{:>13}{:>8}{:>8}",
            "", "clients", "events", "VmRSS KiB", "RssAnon KiB", "heap KiB", "descriptors", "tasks", "bodies"
        )?;
        line(f, "start", &self.start, &self.start)?;
        let mut before = &self.start;
        for (number, Quarter { samples, rest }) in (1..).zip(&self.quarters) {
            let typical = Sample {
                visits: rest.visits,
                events: rest.events,
                resident: median(samples, |sample| sample.resident),
                anonymous: median(samples, |sample| sample.anonymous),
                live: median(samples, |sample| sample.live),
                descriptors: median(samples, |sample| sample.descriptors),
                tasks: median(samples, |sample| sample.tasks),
                held: median(samples, |sample| sample.held),
            };
            line(f, &format!("quarter {number}"), before, &typical)?;
            line(f, "  at rest", rest, rest)?;
            before = rest;
        }
        Ok(())
    }
}
