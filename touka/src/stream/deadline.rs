//! [`Deadline`], the time at which a stream ends.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The time at which a stream ends: the argument of [`EventStream::close_at`](crate::EventStream::close_at).
///
/// Made from a [`SystemTime`], such as the `exp` of a JWT, from an `Instant` of tokio or of std, or from an
/// `Option` of one of them, whose `None` never comes.
///
/// - A time in the past is now.
/// - A time that is more than thirty years away never comes. No time is too far away.
/// - A `SystemTime` is converted when the value is made. When the machine's clock is set afterwards, the
///   deadline does not move. Nor does it move while the machine sleeps, on systems whose `Instant` stops
///   then.
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use touka::stream::Deadline;
///
/// let exp = 4_102_444_800; // a claim of a token, in seconds
/// let deadline = Deadline::from(UNIX_EPOCH + Duration::from_secs(exp));
/// assert_ne!(deadline, Deadline::from(SystemTime::now()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deadline(Option<Instant>);

/// The distance beyond which deadlines never come: timers do not support times that are much later.
const FAR: Duration = Duration::from_hours(30 * 365 * 24);

impl Deadline {
    /// Returns the time; `None` if it never comes.
    pub(super) const fn instant(self) -> Option<Instant> {
        self.0
    }
}

impl From<Instant> for Deadline {
    fn from(at: Instant) -> Self {
        let is_far = at.saturating_duration_since(Instant::now()) > FAR;
        Self((!is_far).then_some(at))
    }
}

impl From<std::time::Instant> for Deadline {
    fn from(at: std::time::Instant) -> Self {
        Instant::from_std(at).into()
    }
}

impl From<SystemTime> for Deadline {
    fn from(at: SystemTime) -> Self {
        let now = Instant::now();
        let left = at.duration_since(SystemTime::now()).unwrap_or_default();
        Self(now.checked_add(left).filter(|_| left <= FAR))
    }
}

impl<D: Into<Self>> From<Option<D>> for Deadline {
    fn from(at: Option<D>) -> Self {
        at.map_or(Self(None), Into::into)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// The latest time that the clock can represent.
    fn latest<C: Copy>(now: C, add: impl Fn(C, Duration) -> Option<C>) -> C {
        let mut at = now;
        for bit in (0..64).rev() {
            while let Some(later) = add(at, Duration::from_secs(1 << bit)) {
                at = later;
            }
        }
        at
    }

    #[tokio::test(start_paused = true)]
    async fn each_clock_gives_the_same_deadline() {
        let (now, hour) = (Instant::now(), Duration::from_hours(1));
        assert_eq!(Deadline::from(now + hour).instant(), Some(now + hour));
        assert_eq!(Deadline::from((now + hour).into_std()).instant(), Some(now + hour));
        let at = Deadline::from(SystemTime::now() + hour).instant().expect("it comes");
        assert!(at <= now + hour && at + Duration::from_mins(1) > now + hour, "{:?}", at - now);
        assert_eq!(Deadline::from(Some(now)).instant(), Some(now));
        assert_eq!(Deadline::from(None::<SystemTime>).instant(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_is_too_early_or_too_late() {
        let now = Instant::now();
        assert_eq!(Deadline::from(UNIX_EPOCH).instant(), Some(now));
        let early = UNIX_EPOCH.checked_sub(Duration::from_hours(1)).expect("before 1970");
        assert_eq!(Deadline::from(early).instant(), Some(now));
        assert_eq!(Deadline::from(latest(SystemTime::now(), |at, more| at.checked_add(more))).instant(), None);
        assert_eq!(Deadline::from(latest(now, |at, more| at.checked_add(more))).instant(), None);
        assert_eq!(Deadline::from(latest(now.into_std(), |at, more| at.checked_add(more))).instant(), None);
        assert_eq!(Deadline::from(now + FAR).instant(), Some(now + FAR));
    }
}
