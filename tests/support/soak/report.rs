//! What a soak has seen, and whether it is good.

use std::fmt;

use super::sample::Sample;

/// How much the memory of the last quarter may be above that of the second, in KiB.
///
/// A server without a leak stays between 12.5 and 16 MiB over ten minutes, and the medians of two
/// quarters were up to 0.5 MiB apart: what the allocator keeps for the next client depends on which
/// ones were there at the same time. While other programs had the machine it was 1.5 MiB less, and
/// they may end in the middle of a run. The first quarter is left out, for the level is reached in it.
/// Between the middles of the two others lie half of all clients: some 15,000 in a minute, where this
/// is 140 bytes of each, and 200,000 in ten, where it is 10.
const MARGIN: u64 = 2048;

/// What a soak has seen. It is shown as a table.
#[derive(Clone, Debug)]
pub struct Report {
    /// Before the first client.
    pub start: Sample,
    /// Once a second while clients came and left.
    pub samples: Vec<Sample>,
    /// After the last client.
    pub end: Sample,
    /// What went wrong on the way.
    pub failed: Vec<String>,
}

impl Report {
    /// All that is not as it should be; nothing where the server has stood the soak.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.failed.clone();
        let mut check = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let (start, end) = (&self.start, &self.end);
        check(end.held == 0, format!("{} handlers are held after the last client has left", end.held));
        check(end.tasks == start.tasks, format!("{} tasks are alive, {} at the start", end.tasks, start.tasks));
        check(
            end.descriptors == start.descriptors,
            format!("{} descriptors are open, {} at the start", end.descriptors, start.descriptors),
        );
        let quarters = self.quarters();
        for quarter in &quarters {
            let idle = quarter.visits == 0 || quarter.events == 0;
            check(!idle, format!("nobody was served in the {}", quarter.name));
        }
        let (second, last) = (quarters[1].anonymous, quarters[3].anonymous);
        check(
            last <= second + MARGIN,
            format!("memory grows: {last} KiB in the last quarter, {second} in the second, {MARGIN} more are allowed"),
        );
        faults
    }

    fn quarters(&self) -> [Quarter; 4] {
        let bound = |quarter: usize| self.samples.len() * quarter / 4;
        let names = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
        std::array::from_fn(|index| {
            let (from, to) = (bound(index), bound(index + 1));
            let before = self.samples[..from].last().unwrap_or(&self.start);
            Quarter::new(names[index], before, &self.samples[from..to])
        })
    }
}

/// What a quarter of the run looked like.
struct Quarter {
    name: &'static str,
    visits: u64,
    events: u64,
    resident: u64,
    anonymous: u64,
    descriptors: u64,
    tasks: u64,
    held: u64,
}

impl Quarter {
    fn new(name: &'static str, before: &Sample, samples: &[Sample]) -> Self {
        let last = samples.last().unwrap_or(before);
        let median = |of: fn(&Sample) -> u64| {
            let mut values: Vec<_> = samples.iter().map(of).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or(0)
        };
        Self {
            name,
            visits: last.visits - before.visits,
            events: last.events - before.events,
            resident: median(|sample| sample.resident),
            anonymous: median(|sample| sample.anonymous),
            descriptors: median(|sample| sample.descriptors),
            tasks: median(|sample| sample.tasks),
            held: median(|sample| sample.held),
        }
    }

    fn of_one(name: &'static str, sample: &Sample) -> Self {
        let Sample { visits, events, resident, anonymous, descriptors, tasks, held } = *sample;
        Self { name, visits, events, resident, anonymous, descriptors, tasks, held }
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, visits, events, resident, anonymous, descriptors, tasks, held } = self;
        writeln!(
            f,
            "{name:<12}{visits:>10}{events:>12}{resident:>11}{anonymous:>13}{descriptors:>13}{tasks:>8}{held:>8}"
        )
    }
}

/// Clients and events are counted over each quarter, and over all of it in the last line. The rest is
/// what a quarter's median second looked like.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12}{:>10}{:>12}{:>11}{:>13}{:>13}{:>8}{:>8}",
            "", "clients", "events", "VmRSS KiB", "RssAnon KiB", "descriptors", "tasks", "bodies"
        )?;
        write!(f, "{}", Quarter::of_one("start", &self.start))?;
        for quarter in self.quarters() {
            write!(f, "{quarter}")?;
        }
        write!(f, "{}", Quarter::of_one("end", &self.end))
    }
}
