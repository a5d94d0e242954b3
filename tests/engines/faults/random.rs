//! [`Random`], numbers from a seed, and the [`seeds`] of a test.

use std::env;
use std::time::Duration;

/// A generator of numbers, the same ones for the same seed: xorshift64*.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // The first numbers of similar seeds are similar.
        for _ in 0..4 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below an usize")
    }

    pub(crate) fn milliseconds(&mut self, from: usize, to: usize) -> Duration {
        Duration::from_millis((from + self.below(to - from + 1)) as u64)
    }
}

/// The seeds of a test: some, or those that the environment names, as in `TOUKA_FAULT_SEEDS=100..400`.
pub(crate) fn seeds(ordinary: &[u64]) -> Vec<u64> {
    let Ok(range) = env::var("TOUKA_FAULT_SEEDS") else { return ordinary.to_vec() };
    let (from, to) = range.split_once("..").expect("two numbers, as in 100..400");
    (from.parse().expect("a number")..to.parse().expect("a number")).collect()
}
