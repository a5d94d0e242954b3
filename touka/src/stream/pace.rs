//! [`Pace`], which decides whether the emits of a body may share a frame.

use std::time::Duration;

use tokio::time::Instant;

/// A step of a body that takes this long is a long one. A frame is full after this time, too.
const LONG: Duration = Duration::from_millis(1);

/// How many emits a body makes, with no long step between them, before its events share frames.
const PROOF: u32 = 32;

/// A long step asks for one more such emit for each of these: a body that worked for 300 ms makes
/// 3,000 emits more. What their flushes cost stays a small part of what the step took.
const PER_EMIT: Duration = Duration::from_micros(100);

/// How the body of a stream has gone on after its emits so far.
///
/// A body that has emitted either emits again at once, and then the two events should share a
/// frame, or it works for a while, and then the first event must leave before. Only the body knows
/// which, so this goes by what it did before. A body begins as one that works: each event is a frame
/// of its own, and the body goes on when that was flushed. After [`PROOF`] quick steps its events
/// share frames. A long step ends that again, for longer the longer it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// So many emits are still to have a frame of their own.
    alone: u32,
    /// When the present step of the body began, or when it was last looked at.
    step: Option<Instant>,
    /// How old the first event of the frame was, when the clock was last read.
    frame: Option<Duration>,
}

impl Pace {
    pub(super) const NEW: Self = Self { alone: PROOF, step: None, frame: None };

    /// The body is about to run: on from an emit that has filled a frame, or after it has waited for
    /// something else.
    pub(super) fn begin(&mut self, from_an_emit: bool) {
        (self.step, self.frame) = (None, None);
        // A body that is known to be quick and has waited is timed from its first emit on, which reads
        // the clock: nothing of it is held back until then.
        if self.alone > 0 || from_an_emit {
            self.step = Some(Instant::now());
        }
    }

    /// The body has made an emit, which put the frame's nth event in place. True if nothing may
    /// share the frame from now on, and the body must not go on before it was flushed.
    #[inline]
    pub(super) fn emitted(&mut self, nth: u32) -> bool {
        // The clock costs as much as a short event, so a quick body is timed at every fourth one: a long
        // step is seen at the latest when it has been followed by three others.
        if self.alone == 0 && nth > 4 && !nth.is_multiple_of(4) {
            return false;
        }
        self.time()
    }

    /// Reads the clock at an emit.
    fn time(&mut self) -> bool {
        let took = self.look(Instant::now());
        if self.alone > 0 {
            if took < LONG {
                self.alone -= 1;
            }
            return true;
        }
        let age = self.frame.map_or(Duration::ZERO, |age| age.saturating_add(took));
        self.frame = Some(age);
        age >= LONG
    }

    /// The body has stopped running, at an emit or at something else that it waits for.
    pub(super) fn end(&mut self) {
        if self.step.is_some() {
            self.look(Instant::now());
        }
    }

    /// Ends a step, and tells how long it was.
    fn look(&mut self, now: Instant) -> Duration {
        let took = self.step.replace(now).map_or(Duration::ZERO, |began| now.duration_since(began));
        if took >= LONG {
            self.was_long(took);
        }
        took
    }

    #[cold]
    fn was_long(&mut self, took: Duration) {
        let more = u32::try_from(took.as_micros() / PER_EMIT.as_micros()).unwrap_or(u32::MAX);
        self.alone = self.alone.max(PROOF.saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// Emits until events share a frame, each with a step of this length before it, and counts the
    /// emits that had a frame of their own.
    async fn alone(pace: &mut Pace, step: Duration) -> u32 {
        for count in 0.. {
            pace.begin(false);
            advance(step).await;
            let alone = pace.emitted(1);
            pace.end();
            if !alone {
                return count;
            }
        }
        0
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_proves_that_it_is_quick() {
        let mut pace = Pace::NEW;
        assert_eq!(alone(&mut pace, Duration::from_micros(5)).await, PROOF);
        for nth in 1..10_000 {
            assert!(!pace.emitted(nth), "no step was long, and no time has passed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_step_asks_for_a_longer_proof() {
        let mut pace = Pace::NEW;
        alone(&mut pace, Duration::ZERO).await;
        pace.begin(false);
        assert!(!pace.emitted(1));
        advance(Duration::from_millis(300)).await;
        // The step ends where the body waits.
        pace.end();
        assert_eq!(alone(&mut pace, Duration::ZERO).await, PROOF + 3_000);
        // A step ends at the next emit as well.
        pace.begin(false);
        assert!(!pace.emitted(1));
        advance(LONG).await;
        assert!(pace.emitted(2));
        assert_eq!(alone(&mut pace, Duration::ZERO).await, PROOF + 10);
    }

    /// Each of its events fills a frame, so each of its steps begins with a poll.
    #[tokio::test(start_paused = true)]
    async fn a_long_step_after_a_full_frame_is_seen() {
        let mut pace = Pace::NEW;
        alone(&mut pace, Duration::ZERO).await;
        pace.begin(true);
        assert!(!pace.emitted(1));
        pace.end();
        pace.begin(true);
        advance(LONG).await;
        assert!(pace.emitted(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_with_long_steps_never_proves_it() {
        let mut pace = Pace::NEW;
        for _ in 0..10_000 {
            pace.begin(false);
            advance(LONG).await;
            assert!(pace.emitted(1));
            pace.end();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn quick_steps_fill_a_frame_by_its_time() {
        let mut pace = Pace::NEW;
        alone(&mut pace, Duration::ZERO).await;
        pace.begin(false);
        let full = (1..100).find(|nth| {
            let full = pace.emitted(*nth);
            pace.step = pace.step.map(|at| at - Duration::from_micros(30));
            full
        });
        assert_eq!(full, Some(36), "30 µs each");
    }
}
