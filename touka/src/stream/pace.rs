//! [`EmitPace`], which decides whether the emits of a body may share a frame.

use std::time::Duration;

use tokio::time::Instant;

/// The time from which a step of a body is long. A frame is also full after this time.
const LONG_STEP: Duration = Duration::from_millis(1);

/// The number of emits without a long step between them after which the events of a body share frames.
const QUICK_EMITS: u32 = 32;

/// A long step requires one more such emit for each of these: after 300 ms of work, 3,000 more emits. So the
/// cost of their flushes stays a small part of the step.
const STEP_PER_EMIT: Duration = Duration::from_micros(100);

/// Predicts whether a body will emit again at once, from its steps so far.
///
/// After an emit, a body either emits again at once, and the two events should share a frame, or it works for
/// a while, and the first event must leave before. Only the body knows which, so the prediction goes by its
/// history. A new body counts as one that works: each event is a frame of its own, and the body runs on when
/// the frame was flushed. After [`QUICK_EMITS`] quick steps its events share frames. A long step ends that,
/// for longer the longer it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct EmitPace {
    /// The number of next emits whose events are a frame of their own.
    alone: u32,
    /// When the current step of the body began, or when the clock was last read in it.
    step: Option<Instant>,
    /// The age of the first event of the frame when the clock was last read.
    frame: Option<Duration>,
}

impl EmitPace {
    pub(super) const NEW: Self = Self { alone: QUICK_EMITS, step: None, frame: None };

    /// Called before the body runs: after an emit that has filled a frame, or after it has waited for
    /// something else.
    pub(super) fn begin(&mut self, from_an_emit: bool) {
        (self.step, self.frame) = (None, None);
        // A quick body that has waited is timed from its first emit on, which reads the clock: until then it
        // holds no event back.
        if self.alone > 0 || from_an_emit {
            self.step = Some(Instant::now());
        }
    }

    /// Records an emit, whose event is the nth of the frame. Returns whether the frame is full and must be
    /// flushed before the body runs on.
    #[inline]
    pub(super) fn emitted(&mut self, nth: u32) -> bool {
        // Reading the clock costs as much as a short event, so a quick body is timed at every fourth emit: a
        // long step is noticed at the latest after three more.
        if self.alone == 0 && nth > 4 && !nth.is_multiple_of(4) {
            return false;
        }
        self.time()
    }

    /// Reads the clock at an emit.
    fn time(&mut self) -> bool {
        let took = self.look(Instant::now());
        if self.alone > 0 {
            if took < LONG_STEP {
                self.alone -= 1;
            }
            return true;
        }
        let age = self.frame.map_or(Duration::ZERO, |age| age.saturating_add(took));
        self.frame = Some(age);
        age >= LONG_STEP
    }

    /// Called when the body has stopped running, at an emit or at something else that it waits for.
    pub(super) fn end(&mut self) {
        if self.step.is_some() {
            self.look(Instant::now());
        }
    }

    /// Ends a step and returns its length.
    fn look(&mut self, now: Instant) -> Duration {
        let took = self.step.replace(now).map_or(Duration::ZERO, |began| now.duration_since(began));
        if took >= LONG_STEP {
            self.was_long(took);
        }
        took
    }

    #[cold]
    fn was_long(&mut self, took: Duration) {
        let more = u32::try_from(took.as_micros() / STEP_PER_EMIT.as_micros()).unwrap_or(u32::MAX);
        self.alone = self.alone.max(QUICK_EMITS.saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// Emits until events share a frame, with a step of this length before each emit, and returns the number
    /// of emits that had a frame of their own.
    async fn alone(pace: &mut EmitPace, step: Duration) -> u32 {
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
    async fn a_body_with_quick_steps_shares_frames() {
        let mut pace = EmitPace::NEW;
        assert_eq!(alone(&mut pace, Duration::from_micros(5)).await, QUICK_EMITS);
        for nth in 1..10_000 {
            assert!(!pace.emitted(nth), "no step was long, and no time has passed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_step_requires_more_quick_emits() {
        let mut pace = EmitPace::NEW;
        alone(&mut pace, Duration::ZERO).await;
        pace.begin(false);
        assert!(!pace.emitted(1));
        advance(Duration::from_millis(300)).await;
        // The step ends when the body waits.
        pace.end();
        assert_eq!(alone(&mut pace, Duration::ZERO).await, QUICK_EMITS + 3_000);
        // A step also ends at the next emit.
        pace.begin(false);
        assert!(!pace.emitted(1));
        advance(LONG_STEP).await;
        assert!(pace.emitted(2));
        assert_eq!(alone(&mut pace, Duration::ZERO).await, QUICK_EMITS + 10);
    }

    /// Each event fills a frame, so each step begins with a poll.
    #[tokio::test(start_paused = true)]
    async fn a_long_step_after_a_full_frame_is_seen() {
        let mut pace = EmitPace::NEW;
        alone(&mut pace, Duration::ZERO).await;
        pace.begin(true);
        assert!(!pace.emitted(1));
        pace.end();
        pace.begin(true);
        advance(LONG_STEP).await;
        assert!(pace.emitted(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_with_long_steps_never_shares_frames() {
        let mut pace = EmitPace::NEW;
        for _ in 0..10_000 {
            pace.begin(false);
            advance(LONG_STEP).await;
            assert!(pace.emitted(1));
            pace.end();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn quick_steps_fill_a_frame_by_its_time() {
        let mut pace = EmitPace::NEW;
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
