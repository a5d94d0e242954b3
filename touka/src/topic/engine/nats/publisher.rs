//! Publishing, with retries that never append an event twice.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::api::Ack;
use super::attempt::{Failed, message_id};
use super::closing::{Closing, Standing};
use super::fault::{FaultKind, NatsFault};
use super::node::Node;
use super::record;
use crate::stream::random;
use crate::topic::encoded::Draft;
use crate::topic::engine::EngineTopic;
use crate::topic::engine::shared::attempts::{Attempts, failed_publish, removed_meanwhile};
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Mark, Position, Tag};

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
        let (mut is_unknown, mut tags) = (false, Vec::new());
        loop {
            // Another process may remove the topic between two attempts.
            if topic.is_removed() {
                return Err(removed_meanwhile(topic.name(), is_unknown));
            }
            let sent = if draft.is_last() {
                let event = Closing { draft, keys, id: &id, tags: &mut tags };
                self.send_last(topic, event, attempts.deadline()).await
            } else {
                self.send(topic, draft, keys, (&id, is_unknown), attempts.deadline()).await
            };
            let fault = match sent {
                Ok(position) => {
                    topic.set_known_position(position);
                    self.write_name(topic.name(), position.epoch, attempts.deadline()).await;
                    return Ok(position);
                }
                Err(Failed::Closed) => return Err(HubError::closed(topic.name())),
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
    ///
    /// If the topic is closed, the server is only asked whether it knows the event: by its idempotency key, or from an earlier
    /// attempt if one `may_be_stored`.
    async fn send(
        &self,
        of: EngineTopic<'_>,
        draft: &Draft,
        keys: EventKeys<'_>,
        (id, may_be_stored): (&str, bool),
        deadline: Instant,
    ) -> Result<Position, Failed> {
        let topic = of.name();
        loop {
            let epoch = match self.standing(of, deadline).await.map_err(Failed::Before)? {
                Standing::Open(epoch) => epoch,
                Standing::Closed(_) if keys.once.is_none() && !may_be_stored => return Err(Failed::Closed),
                Standing::Closed(last) => {
                    return self.find_published(topic, last, &message_id(topic, last.epoch, keys, id), deadline).await;
                }
            };
            let (tag, subject) = (Tag::random(), self.subjects.events(topic));
            let payload = record::event(epoch, tag, keys, draft.without_id());
            let id = message_id(topic, epoch, keys, id);
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
}
