//! Publishing, with retries that never append an event twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::{PublishAnswer, Published};
use super::cluster::Place;
use super::fault::{Outcome, RedisFault};
use super::keys::Keys;
use super::node::{Node, lifetime, max_age};
use super::nodes::Nodes;
use super::script::PUBLISH;
use crate::stream::random;
use crate::topic::encoded::Draft;
use crate::topic::engine::Applied;
use crate::topic::engine::EngineTopic;
use crate::topic::engine::shared::attempts::{Attempts, failed_publish, removed_meanwhile};
use crate::topic::engine::shared::sync::request_sync;
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::log::ONCE_WINDOW;
use crate::topic::position::{Epoch, Position, Tag};
use crate::topic::stored::Stored;

/// The time for which Redis keeps the record of a publish that was retried. An attempt without an answer may arrive late.
const RETRY_WINDOW: Duration = Duration::from_mins(15);

impl Nodes {
    /// Publishes an event. While Redis cannot be reached, retries until the timeout of the options.
    pub(super) async fn publish(
        &self,
        topic: EngineTopic<'_>,
        draft: &Draft,
        keys: EventKeys<'_>,
    ) -> Result<Position, HubError> {
        let mut attempts = Attempts::new(self.options().publish_timeout);
        let tail = topic.tail();
        // This event was there before the first attempt.
        let known = topic.known_position();
        let mut turn = None;
        let mut event =
            Publishing { topic, draft, keys, known, record: format!("{:016x}", random()), sent: String::new() };
        loop {
            // Another process may remove the topic between two attempts.
            if topic.is_removed() {
                return Err(removed_meanwhile(topic.name(), !event.sent.is_empty()));
            }
            let tag = Tag::random().bits().to_string();
            // Another one once the slot of the topic has moved.
            let sent = match self.of(topic.name()) {
                Ok(node) => {
                    if turn.as_ref().is_none_or(|(of, _)| !Arc::ptr_eq(of, &node)) {
                        // Publishes to the former server need not wait for the next one.
                        drop(turn.take());
                        let Some(next) = attempts.turn(&node.publishes).await else {
                            let fault = RedisFault::no_turn(node.connector.place());
                            return Err(failed_publish(topic.name(), !event.sent.is_empty(), fault));
                        };
                        turn = Some((Arc::clone(&node), next));
                    }
                    event.send(&node, &tag, attempts.deadline()).await.map(|answer| (node, answer))
                }
                Err(fault) => Err(fault),
            };
            let fault = match sent {
                Ok((node, PublishAnswer::Published(published))) => {
                    topic.set_known_position(published.position);
                    let deadline = attempts.deadline();
                    node.write_name(topic.name(), published.position.epoch, tail.retention(), deadline).await;
                    if topic.is_active() && !tail.has(published.position) {
                        let Published { position, previous, time, .. } = published;
                        // Subscribers on this node need not wait for the message.
                        let event = Stored::of_draft(position, previous, node.clock.to_local(time), keys, draft);
                        if tail.apply_one(event) != Applied::Done
                            && let Ok(Some(Place { node, topic })) = self.place(topic.name())
                        {
                            // The connection that receives events may be to a server that was replaced.
                            request_sync(&node, &topic);
                        }
                    }
                    return Ok(published.position);
                }
                Ok((_, PublishAnswer::Unknown)) => return Err(HubError::unknown_publish(topic.name(), None)),
                Ok((_, PublishAnswer::Closed)) => return Err(HubError::closed(topic.name())),
                Err(fault) => fault,
            };
            let is_passing = match fault.outcome() {
                Outcome::Unknown => {
                    event.sent = event.sent + " " + &tag;
                    true
                }
                Outcome::NotExecuted => is_passing(&fault),
            };
            if !is_passing || !attempts.pause().await {
                return Err(failed_publish(topic.name(), !event.sent.is_empty(), fault));
            }
        }
    }
}

/// Whether a command that was not executed may succeed later.
fn is_passing(fault: &RedisFault) -> bool {
    const PASSING: [&str; 5] = ["BUSY", "LOADING", "MASTERDOWN", "NOREPLICAS", "READONLY"];
    !fault.is_lasting() && (fault.is_elsewhere() || fault.code().is_none_or(|code| PASSING.contains(&code)))
}

/// An event that is being published.
struct Publishing<'a> {
    topic: EngineTopic<'a>,
    draft: &'a Draft,
    keys: EventKeys<'a>,
    /// The position of an event that was there before the first attempt.
    known: Option<Position>,
    /// The name of the record of this publish, the same for all attempts.
    record: String,
    /// The tags of the attempts that got no answer and may have been executed.
    ///
    /// Each attempt has a tag of its own. If Redis loses the event of an earlier attempt, the next one may get its offset
    /// after other events: with the same tag, it would have the same position in another history.
    sent: String,
}

impl Publishing<'_> {
    /// Sends the event once, unless an earlier attempt was executed.
    async fn send(&self, node: &Node, tag: &str, deadline: Instant) -> Result<PublishAnswer, RedisFault> {
        let Self { topic, draft, keys: EventKeys { key, once }, known, record, sent } = self;
        let keys: &Keys = &node.keys;
        let retention = topic.retention();
        let (events, state) = (keys.events(topic.name()), keys.state(topic.name()));
        // An idempotency key names the record for all publishes with it.
        let record = once.map_or_else(|| format!("attempt:{record}"), |once| format!("once:{once}"));
        let (record, channel) = (keys.record(topic.name(), &record), keys.channel(topic.name()));
        let epoch = Epoch::from_bits(random()).bits().to_string();
        let key_length = key.map_or(0, |key| key.len() + 1).to_string();
        let (before, rest) = draft.without_id();
        let body = [key.unwrap_or_default().as_bytes(), before, rest].concat();
        let numbers = [
            retention.events.to_string(),
            retention.bytes.to_string(),
            max_age(retention).to_string(),
            lifetime(retention).to_string(),
            once.map_or(if sent.is_empty() { 0 } else { RETRY_WINDOW.as_millis() }, |_| ONCE_WINDOW.as_millis())
                .to_string(),
            known.map(|known| known.epoch.bits().to_string()).unwrap_or_default(),
            known.map_or(0, |known| known.mark.offset).to_string(),
            known.map_or(0, |known| known.mark.tag.bits()).to_string(),
        ];
        let [events_max, bytes_max, age, lifetime, window, known_epoch, known_offset, known_tag] =
            numbers.each_ref().map(String::as_bytes);
        let arguments = [
            epoch.as_bytes(),
            tag.as_bytes(),
            key_length.as_bytes(),
            &body,
            events_max,
            bytes_max,
            age,
            lifetime,
            channel.as_bytes(),
            sent.as_bytes(),
            window,
            known_epoch,
            known_offset,
            known_tag,
            if once.is_some() { b"1" } else { b"" },
            if draft.is_last() { b"1" } else { b"" },
        ];
        let keys = [&*events, &*state, &*record];
        let answer = PUBLISH.run(&node.commands, &keys, &arguments, deadline).await?;
        PublishAnswer::parse(&answer).ok_or_else(|| RedisFault::answer(node.connector.place()))
    }
}
