//! One attempt to publish an event: the id of its message, and what may go wrong.

use tokio::time::Instant;

use super::fault::NatsFault;
use super::node::Node;
use super::subjects::token;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Mark, Position, Tag};

/// The step at which an attempt has failed.
pub(super) enum Failed {
    /// The topic is closed, and this attempt has not stored the event.
    Closed,
    /// The event was not sent.
    Before(NatsFault),
    /// The event was sent. The fault tells whether it may be stored.
    Sent(NatsFault),
    /// The event was stored by this attempt or an earlier one, and its position could not be read.
    Stored(NatsFault),
}

/// The id of the message of an event: that of its publish, unless it has a key of idempotency. Then it depends on the epoch, so
/// that the key does not outlive its topic.
pub(super) fn message_id(topic: &str, epoch: Epoch, keys: EventKeys<'_>, publish: &str) -> String {
    // Headers lose spaces at their end.
    let of_key = |once: &str| format!("{}/{}/{}/{}", epoch.bits(), topic.len(), token(topic), token(once));
    keys.once.map_or_else(|| publish.to_owned(), of_key)
}

impl Node {
    /// The position of the event at a sequence, which an earlier publish has stored.
    pub(super) async fn find_at(&self, epoch: Epoch, sequence: u64, deadline: Instant) -> Result<Position, NatsFault> {
        let message = self.events.get_at(&self.requests, sequence, deadline).await?;
        // A trimmed event has no tag any more. It does not matter: no client can continue there.
        let tag = message.map_or_else(|| Ok(Tag::default()), |message| Ok(self.record(&message)?.tag))?;
        Ok(Position { epoch, mark: Mark { offset: sequence, tag } })
    }
}
