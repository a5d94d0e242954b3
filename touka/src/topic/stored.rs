//! [`Stored`], one event as an engine has it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::encoded::{Draft, Encoded};
use super::event_keys::{EventKeys, KeptKeys};
use super::position::{Mark, Position};

/// One event as an engine has it: its bytes, position and keys, and the mark of the event before it. Clones share the bytes.
///
/// ```
/// use touka::topic::engine::{Epoch, EventKeys, Mark, Position, Stored};
///
/// let position = Position { epoch: Epoch::random(), mark: Mark::default().next() };
/// let event = Stored::new(position, Mark::default(), 1_796_031_374_827, EventKeys::default(), b"data: hello\n\n");
/// assert_eq!(event.position(), position);
/// ```
#[derive(Clone, Debug)]
pub struct Stored {
    pub(crate) position: Position,
    pub(crate) previous: Mark,
    /// The time of the publish, in milliseconds of Unix time.
    pub(crate) time: u64,
    pub(crate) keys: KeptKeys,
    pub(crate) event: Encoded,
}

impl Stored {
    /// Creates an event from what was stored of it.
    ///
    /// `previous` is the mark of the event before this one in the topic: proof that none is missing between the two, even
    /// if offsets are left out. For the first event of a topic it is [`Mark::default`]. `time` is the time of the publish,
    /// in milliseconds of Unix time, on the clock of this process: if it is that of another clock that is ahead or behind,
    /// the age of the event is wrong by the difference. `wire` has the bytes of [`Draft::to_bytes`]. Other bytes
    /// are sent to clients as they are: without the blank line at their end, clients take the next event for a part of this
    /// one.
    pub fn new(position: Position, previous: Mark, time: u64, keys: EventKeys<'_>, wire: &[u8]) -> Self {
        let event = Encoded::new(&Draft::stored(wire), position);
        Self { position, previous, time, keys: keys.to_kept(), event }
    }

    /// Creates an event that was just published. The parameters are those of [`Stored::new`].
    pub fn of_draft(position: Position, previous: Mark, time: u64, keys: EventKeys<'_>, draft: &Draft) -> Self {
        Self { position, previous, time, keys: keys.to_kept(), event: Encoded::new(draft, position) }
    }

    /// The position of the event.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The mark of the event before this one.
    pub const fn previous(&self) -> Mark {
        self.previous
    }

    /// The time of the publish, in milliseconds of Unix time.
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// The keys of the event.
    pub fn keys(&self) -> EventKeys<'_> {
        self.keys.as_keys()
    }

    /// The number of bytes that the event takes in a log, keys included: those that [`Retention`] and [`Cache`] bound.
    ///
    /// [`Cache`]: super::Cache
    /// [`Retention`]: super::Retention
    pub fn size(&self) -> usize {
        self.event.len() + self.keys.len()
    }

    pub(crate) const fn mark(&self) -> Mark {
        self.position.mark
    }

    /// The time of the publish on the monotonic clock.
    pub(crate) fn since(&self, now: Instant, time: u64) -> Instant {
        // The clock may have been set back, and the monotonic clock may be younger than the event.
        now.checked_sub(Duration::from_millis(time.saturating_sub(self.time))).unwrap_or(now)
    }
}

/// The current time in milliseconds of Unix time.
pub(crate) fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
