//! Publishing, with retries that never append an event twice.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::api::Ack;
use super::fault::{FaultKind, NatsFault};
use super::node::Node;
use super::record;
use super::subjects::token;
use crate::stream::random;
use crate::topic::encoded::Draft;
use crate::topic::engine::EngineTopic;
use crate::topic::engine::shared::attempts::{Attempts, failed_publish, removed_meanwhile};
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Mark, Position, Tag};

/// The bytes of a message for its headers, which count in the server's limit.
const HEADERS: usize = 512;

/// The maximum number of bytes that stand for one byte in an id.
const MAX_ESCAPED: usize = 3;

impl Node {
    /// Publishes an event. While NATS cannot be reached, retries until the timeout of the options.
    pub(super) async fn publish(
        &self,
        topic: EngineTopic<'_>,
        draft: &Draft,
        keys: EventKeys<'_>,
    ) -> Result<Position, HubError> {
        self.check_size(topic.name(), draft, keys)?;
        let mut attempts = Attempts::new(self.options.publish_timeout);
        let Some(_turn) = attempts.turn(&self.publishes).await else {
            return Err(NatsFault::no_turn(self.requests.link.place()).into());
        };
        // The id of the message is the same for all attempts: the server stores one of them.
        let id = format!("{:016x}", random());
        let mut is_unknown = false;
        loop {
            // Another process may remove the topic between two attempts.
            if topic.is_removed() {
                return Err(removed_meanwhile(topic.name(), is_unknown));
            }
            let fault = match self.send(topic.name(), draft, keys, &id, attempts.deadline()).await {
                Ok(position) => {
                    topic.set_known_position(position);
                    self.write_name(topic.name(), position.epoch, attempts.deadline()).await;
                    return Ok(position);
                }
                Err(Failed::Before(fault)) => fault,
                Err(Failed::Sent(fault)) => {
                    is_unknown |= fault.is_unknown();
                    fault
                }
                Err(Failed::Stored(fault)) => {
                    is_unknown = true;
                    fault
                }
            };
            if fault.kind() == FaultKind::Busy {
                // The stream may have been deleted. Then it is created again.
                self.doubt_streams();
            }
            if !fault.is_passing() || !attempts.pause().await {
                return Err(failed_publish(topic.name(), is_unknown, fault));
            }
        }
    }

    fn check_size(&self, topic: &str, draft: &Draft, keys: EventKeys<'_>) -> Result<(), HubError> {
        let (before, rest) = draft.without_id();
        let size = before.len() + rest.len() + keys.key.map_or(0, str::len) + record::EVENT_OVERHEAD;
        let id = keys.once.map_or(0, |once| once.len() + topic.len()) * MAX_ESCAPED;
        let most = self.requests.link.client().max_payload().saturating_sub(HEADERS + id);
        if size > most { Err(HubError::too_large_for_server(size, most, "max_payload")) } else { Ok(()) }
    }

    /// Sends the event once. Each attempt has a tag of its own: if NATS loses the event of an earlier one, the next one may
    /// get its sequence after other events.
    async fn send(
        &self,
        topic: &str,
        draft: &Draft,
        keys: EventKeys<'_>,
        id: &str,
        deadline: Instant,
    ) -> Result<Position, Failed> {
        loop {
            let epoch = self.epoch_of(topic, deadline).await.map_err(Failed::Before)?;
            let (tag, subject) = (Tag::random(), self.subjects.events(topic));
            let payload = record::event(epoch, tag, keys, draft.without_id());
            let id = keys.once.map_or_else(|| id.to_owned(), |once| once_id(topic, epoch, once));
            let highest = self.highest.load(Ordering::Acquire);
            let stored = self.events.publish(&self.requests, subject, Some(&id), None, payload, deadline).await;
            match stored.map_err(Failed::Sent)? {
                Ack::Stored { sequence } => {
                    self.record_sequence(sequence, highest);
                    let position = Position { epoch, mark: Mark { offset: sequence, tag } };
                    return self.confirm_epoch(topic, position, deadline).await.map_err(Failed::Stored);
                }
                Ack::Duplicate { sequence } => {
                    let position = self.find_at(epoch, sequence, deadline).await.map_err(Failed::Stored)?;
                    // The key of idempotency may be that of a log that was removed. Then the event is new.
                    let newest = self.find(topic, deadline).await.map_err(Failed::Stored)?;
                    if keys.once.is_none() || newest.is_none_or(|newest| newest.position.epoch == epoch) {
                        return Ok(position);
                    }
                    self.epochs.remove(topic);
                }
                // No expectation was sent.
                Ack::OtherSequence => return Err(Failed::Before(self.foreign_record())),
            }
        }
    }

    /// The position with the epoch of the log that the event has become a part of: its topic may have been removed.
    async fn confirm_epoch(&self, topic: &str, position: Position, deadline: Instant) -> Result<Position, NatsFault> {
        self.hear_removals();
        if self.epochs.get(topic) == Some(position.epoch) {
            return Ok(position);
        }
        Ok(Position { epoch: self.epoch_at(topic, position, deadline).await?, ..position })
    }

    /// The position of the event at a sequence, which an earlier publish has stored.
    async fn find_at(&self, epoch: Epoch, sequence: u64, deadline: Instant) -> Result<Position, NatsFault> {
        let message = self.events.get_at(&self.requests, sequence, deadline).await?;
        // A trimmed event has no tag any more. It does not matter: no client can continue there.
        let tag = message.map_or_else(|| Ok(Tag::default()), |message| Ok(self.record(&message)?.tag))?;
        Ok(Position { epoch, mark: Mark { offset: sequence, tag } })
    }
}

/// The step at which an attempt has failed.
enum Failed {
    /// The event was not sent.
    Before(NatsFault),
    /// The event was sent. The fault tells whether it may be stored.
    Sent(NatsFault),
    /// The event was stored by this attempt or an earlier one, and its position could not be read.
    Stored(NatsFault),
}

/// The id of the message of an event with a key of idempotency. It depends on the epoch, so that the key does not outlive
/// its topic.
fn once_id(topic: &str, epoch: Epoch, once: &str) -> String {
    // Headers lose spaces at their end.
    format!("{}/{}/{}/{}", epoch.bits(), topic.len(), token(topic), token(once))
}
