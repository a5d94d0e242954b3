//! Random numbers that are repeatable with a seed.

use std::hash::{BuildHasher, RandomState};

/// `SplitMix64`: good enough for test choices, without a dependency.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A different seed on each call.
    pub fn seed() -> u64 {
        // The only source of random numbers in the standard library. 32 bits are shorter to type.
        RandomState::new().hash_one(()) >> 32
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// Heads or tails.
    pub fn flip(&mut self) -> bool {
        self.below(2) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        let (mut one, mut other) = (Dice::new(7), Dice::new(7));
        let rolls: Vec<_> = (0..100).map(|_| one.below(1000)).collect();
        assert_eq!(rolls, (0..100).map(|_| other.below(1000)).collect::<Vec<_>>());
        assert!(rolls.iter().any(|roll| *roll != rolls[0]));
    }
}
