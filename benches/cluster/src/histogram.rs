//! Durations of any number, in little memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The number of leading bits that are kept of a duration: it is at most 1.6 % too small.
const BITS: u32 = 7;

/// Counts durations, in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Histogram(BTreeMap<u64, u64>);

impl Histogram {
    pub(crate) fn add(&mut self, ns: u64) {
        let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(BITS);
        *self.0.entry((ns >> shift) << shift).or_default() += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (ns, count) in &other.0 {
            *self.0.entry(*ns).or_default() += count;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The duration that this many of 1,000 do not exceed, in nanoseconds; 0 if there are none.
    pub(crate) fn per_mille(&self, many: u64) -> u64 {
        let mut rest = (self.count() * many).div_ceil(1000).max(1);
        for (ns, count) in &self.0 {
            match rest.checked_sub(*count) {
                None | Some(0) => return *ns,
                Some(left) => rest = left,
            }
        }
        0
    }
}
