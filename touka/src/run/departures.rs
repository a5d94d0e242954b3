//! [`Departures`], how often a node tells a run that its last viewer there has left.

use std::time::Duration;

use tokio::time::Instant;

/// The number of departures that may be told in quick succession.
const IN_A_ROW: u32 = 4;

/// The interval of further departures. Each is a note in the log of the run, as is the return of a viewer after
/// it: viewers that come and go must not fill the log.
const INTERVAL: Duration = Duration::from_secs(5);

/// The pace at which a node tells a run that its last viewer there has left.
#[derive(Debug)]
pub(super) struct Departures {
    /// The time from which [`IN_A_ROW`] of them may be told again.
    rested_at: Instant,
}

impl Departures {
    pub(super) const fn new(now: Instant) -> Self {
        Self { rested_at: now }
    }

    /// The time at which the next departure may be told: at most [`INTERVAL`] from now on.
    pub(super) fn next_at(&self, now: Instant) -> Instant {
        self.rested_at.checked_sub(INTERVAL * (IN_A_ROW - 1)).map_or(now, |at| at.max(now))
    }

    /// Counts a departure that is told now.
    pub(super) fn tell(&mut self, now: Instant) {
        self.rested_at = self.rested_at.max(now) + INTERVAL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_departures_are_told_at_once_and_then_one_at_a_time() {
        let begun = Instant::now() + Duration::from_hours(1);
        let mut departures = Departures::new(begun);
        let mut now = begun;
        let mut told = Vec::new();
        while now < begun + Duration::from_secs(21) {
            if departures.next_at(now) == now {
                departures.tell(now);
                told.push((now - begun).as_secs());
            }
            assert!(departures.next_at(now) - now <= INTERVAL);
            now += Duration::from_millis(500);
        }
        assert_eq!(told, [0, 0, 1, 1, 5, 10, 15, 20]);
        now += INTERVAL * IN_A_ROW;
        for _ in 0..IN_A_ROW {
            assert_eq!(departures.next_at(now), now);
            departures.tell(now);
        }
        assert!(departures.next_at(now) > now);
    }
}
