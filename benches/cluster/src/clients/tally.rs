//! Totals of the clients of a group.

use crate::events::Arrived;
use crate::orders::Report;
use crate::quote::{BYTES, now_ns};

/// The number of events whose slowest delivery is recorded.
const RECORDED: usize = 100_000;

/// The clients of a group, and what has happened since the last report.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) group: String,
    pub(super) report: Report,
    /// The number of the last event that was reported, if the group has one topic.
    reported: u64,
}

impl Tally {
    pub(super) fn new(group: &str) -> Self {
        Self { group: group.to_owned(), ..Self::default() }
    }

    /// The number of events that have arrived since the last report, and those known to be lost.
    pub(super) const fn count(&self) -> u64 {
        self.report.events + self.report.lost
    }

    /// Records an event; `None` is one of another form. `last` is the number of the client's last event.
    pub(super) fn arrived(&mut self, event: Option<Arrived>, last: &mut u64) {
        let Some(event) = event.filter(|event| event.bytes == BYTES) else {
            return self.error("an event of another form, as a gap is".to_owned());
        };
        if event.seq <= *last {
            self.report.doubled += 1;
            return;
        }
        self.report.events += 1;
        self.report.lost += event.seq - *last - 1;
        *last = event.seq;
        let latency = now_ns().saturating_sub(event.sent_ns);
        self.report.latency.add(latency);
        let index = event.seq.checked_sub(self.reported + 1).and_then(|index| usize::try_from(index).ok());
        if let Some(index) = index.filter(|index| *index < RECORDED) {
            let all = &mut self.report.until_all;
            all.resize(all.len().max(index + 1), 0);
            all[index] = all[index].max(latency);
        }
    }

    pub(super) fn error(&mut self, what: String) {
        self.report.errors += 1;
        self.report.first_error.get_or_insert(what);
    }

    /// Takes what has happened since the last report. All clients have the event of this number, or will not get it.
    pub(super) fn take(&mut self, newest: u64) -> Report {
        self.reported = newest;
        std::mem::take(&mut self.report)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use crate::events::Arrived;
    use crate::quote::BYTES;

    #[test]
    fn a_hole_a_repetition_and_a_gap_are_counted() {
        let (mut tally, mut last) = (Tally::new("all"), 0);
        for seq in [1, 2, 5, 5, 4, 6] {
            tally.arrived(Some(Arrived { seq, sent_ns: 0, bytes: BYTES }), &mut last);
        }
        tally.arrived(Some(Arrived { seq: 7, sent_ns: 0, bytes: BYTES - 1 }), &mut last);
        tally.arrived(None, &mut last);
        let report = tally.take(6);
        assert_eq!((report.events, report.lost, report.doubled, report.errors), (4, 2, 2, 2));
        assert_eq!(last, 6);
    }
}
