//! Consumers that begin near the end of a subject.

use std::mem;

use tokio::time::Instant;

use super::api::Stream;
use super::consumer::Consumer;
use super::fault::NatsFault;
use super::requests::Requests;

/// The number of messages that a consumer may have in addition to those that are wanted, and to a quarter of those.
pub(super) const SLACK: u64 = 64;

/// The maximum number of tries to find the beginning. Every other one halves the range.
const MAX_TRIES: usize = 140;

impl<'a> Consumer<'a> {
    /// Begins so that at least this many messages are left, unless there are fewer, and not many more. The newest message
    /// of the subject has the sequence `last`.
    ///
    /// The server does not tell where the newest messages begin. A consumer that begins at a sequence has their number.
    pub(super) async fn open_newest(
        requests: &'a Requests,
        stream: &'a Stream,
        subject: &str,
        messages: usize,
        last: u64,
        deadline: Instant,
    ) -> Result<Self, NatsFault> {
        let least = u64::try_from(messages).unwrap_or(u64::MAX);
        let most = least.saturating_add(SLACK).saturating_add(least / 4);
        let open = |from| Self::open(requests, stream, subject, from, deadline);
        // `found` begins at `low` and has too many messages. One that begins at `high` has too few.
        let mut found = open(1).await?;
        let (mut low, mut high, mut high_pending) = (1, last.saturating_add(1), 0);
        for step in 0..MAX_TRIES {
            if found.pending <= most || high - low <= 1 {
                break;
            }
            // The messages of a topic are often spread evenly: then the estimate is right at once.
            let from = if step % 2 == 0 {
                let wanted = u64::midpoint(least, most).saturating_sub(high_pending);
                high - part_of(high - low, wanted, found.pending.saturating_sub(high_pending))
            } else {
                u64::midpoint(low, high)
            };
            let from = from.clamp(low + 1, high - 1);
            let tried = open(from).await?;
            if tried.pending >= least {
                low = from;
                mem::replace(&mut found, tried).close().await;
            } else {
                (high, high_pending) = (from, tried.pending);
                tried.close().await;
            }
        }
        Ok(found)
    }
}

/// `range * part / whole`, at most the range.
fn part_of(range: u64, part: u64, whole: u64) -> u64 {
    let scaled = u128::from(range) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX).min(range)
}
