//! Random variation of durations, so that many streams do not act at the same instant.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Returns random bits that are hard to guess by chance. They are not fit for secrets.
pub(crate) fn random() -> u64 {
    // Each `RandomState` has new keys, and hashing nothing turns them into a number: good enough for timers
    // and labels, without a dependency.
    RandomState::new().build_hasher().finish()
}

/// Returns a random duration from `least` to less than `most`.
pub(crate) fn spread(least: Duration, most: Duration) -> Duration {
    // An `f64` holds 53 bits exactly, so the fraction is less than 1 and no duration overflows.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let fraction = (random() >> 11) as f64 / (1u64 << 53) as f64;
    least.saturating_add(most.saturating_sub(least).mul_f64(fraction))
}

/// Returns the duration, shorter or longer by up to this part of it.
pub(crate) fn within(duration: Duration, part: f64) -> Duration {
    let span = duration.mul_f64(part);
    spread(duration.saturating_sub(span), duration.saturating_add(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_stays_within_its_part_and_varies() {
        let base = Duration::from_secs(15);
        let drawn: Vec<_> = (0..1000).map(|_| within(base, 0.1)).collect();
        assert!(drawn.iter().all(|d| (13_500..=16_500).contains(&d.as_millis())), "{drawn:?}");
        let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
        assert!(*most > *least + Duration::from_secs(2), "no spread: {least:?} to {most:?}");
    }

    #[test]
    fn no_duration_is_too_long() {
        assert!(within(Duration::MAX, 0.2) > Duration::from_secs(1));
        assert_eq!(within(Duration::ZERO, 0.2), Duration::ZERO);
    }
}
