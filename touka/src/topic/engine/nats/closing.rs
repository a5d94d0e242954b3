//! Closing a topic by its last event, and finding that event.
//!
//! The first last event of a log has closed it. Others may follow, whose publishers did not know, and count for nothing. So that
//! the last event is found among them, its publisher first announces the newest record that it knows: the last event is
//! stored only if it follows that one.
//!
//! A server with replicas compares before it has applied what is on its way, so a few records may come between, and two
//! comparisons may succeed. Nevertheless the first last event comes after the record that the newest announcement names: a
//! publisher reads the announcement before its own, then the newest record, and then whether there is a last event up to
//! that one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::api::{Ack, StoredMessage, Which};
use super::attempt::{Failed, message_id};
use super::consumer::{Batch, Consumer};
use super::fault::NatsFault;
use super::node::{Latest, Node, position};
use super::record::{self, ClosingRecord};
use crate::topic::encoded::Draft;
use crate::topic::engine::EngineTopic;
use crate::topic::engine::shared::sync::READ_BYTES;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Mark, Position, Tag};
use crate::topic::stored::unix_time;

/// The maximum number of records between the one that is announced and the last event.
const MAX_BETWEEN: usize = 1024;

/// The time for which other publishes wait after an announcement: on a busy topic, the last event would never follow the newest
/// record.
const PRIORITY: Duration = Duration::from_millis(500);

/// The time between two looks at a topic that is being closed.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Whether a topic takes events, as far as this process knows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standing {
    /// The topic has a log with this epoch.
    Open(Epoch),
    /// The event at this position has closed it.
    Closed(Position),
}

/// A last event that is being published.
pub(super) struct Closing<'a> {
    pub(super) draft: &'a Draft,
    pub(super) keys: EventKeys<'a>,
    /// The id of the publish, the same for all attempts.
    pub(super) id: &'a str,
    /// The tags of all attempts that may be stored.
    pub(super) tags: &'a mut Vec<Tag>,
}

impl Node {
    /// Whether a topic takes an event, for a publish.
    pub(super) async fn standing(&self, topic: EngineTopic<'_>, deadline: Instant) -> Result<Standing, NatsFault> {
        if topic.is_active()
            && let Some(last) = topic.tail().closed_at()
            && self.active.get(&self.subjects.live(topic.name())).is_some_and(|active| active.is_in_step())
        {
            return Ok(Standing::Closed(last));
        }
        self.hear_removals();
        if let Some(epoch) = self.epochs.get(topic.name()) {
            return Ok(Standing::Open(epoch));
        }
        let patience = deadline.min(Instant::now() + PRIORITY);
        loop {
            let Latest { position, is_last, is_closing, .. } = self.latest(topic.name(), deadline).await?;
            match () {
                () if is_last => return Ok(Standing::Closed(position)),
                () if is_closing && Instant::now() < patience => sleep(LOOK_AGAIN).await,
                () => return Ok(Standing::Open(position.epoch)),
            }
        }
    }

    /// The last event of a log, if it is announced and followed by others, or else the newest record, which is another one.
    pub(super) async fn last_or(&self, topic: &str, newest: Latest, deadline: Instant) -> Result<Latest, NatsFault> {
        let Position { epoch, mark } = newest.position;
        let closings = self.subjects.closings(topic);
        let Some(message) = self.events.get(&self.requests, &closings, Which::Last, deadline).await? else {
            return Ok(newest);
        };
        let announced = ClosingRecord::parse(&message.data).ok_or_else(|| self.foreign_record())?;
        if announced.epoch != epoch {
            return Ok(newest);
        }
        if announced.after >= mark.offset {
            return Ok(Latest { is_closing: true, ..newest });
        }
        if let Some(mark) = self.first_last(topic, announced, mark.offset, deadline).await? {
            return Ok(Latest { position: Position { epoch, mark }, is_event: true, is_last: true, is_closing: false });
        }
        let age = unix_time().abs_diff(self.clock.to_local(message.time));
        Ok(Latest { is_closing: u128::from(age) < PRIORITY.as_millis(), ..newest })
    }

    /// The first last event after an announcement, before this sequence.
    async fn first_last(
        &self,
        topic: &str,
        announced: ClosingRecord,
        before: u64,
        deadline: Instant,
    ) -> Result<Option<Mark>, NatsFault> {
        let (subject, from) = (self.subjects.events(topic), announced.after + 1);
        let last = |message: &StoredMessage| {
            let record = self.record(message)?;
            Ok::<_, NatsFault>(record.is_last().then(|| position(&record, message.sequence).mark))
        };
        // It is the next one nearly always.
        let next = self.events.get(&self.requests, &subject, Which::From(from), deadline).await?;
        let Some(next) = next.filter(|next| next.sequence < before) else { return Ok(None) };
        if let Some(mark) = last(&next)? {
            return Ok(Some(mark));
        }
        let mut consumer = Consumer::open(&self.requests, &self.events, &subject, next.sequence + 1, deadline).await?;
        let (mut found, mut read) = (None, 0);
        let batch = Batch { messages: MAX_BETWEEN, bytes: READ_BYTES, until: before };
        while found.is_none() && read < MAX_BETWEEN && consumer.pending > 0 {
            for message in consumer.read(batch, deadline).await? {
                read += 1;
                if message.sequence < before && found.is_none() {
                    found = last(&message)?;
                }
            }
        }
        consumer.close().await;
        Ok(found)
    }

    /// The position of the event with this id, if it was published before the topic was closed.
    ///
    /// Only a publish tells whether the server knows an id. If not, a message without contents gets it, apart from the events.
    pub(super) async fn find_published(
        &self,
        topic: &str,
        last: Position,
        id: &str,
        deadline: Instant,
    ) -> Result<Position, Failed> {
        let subject = self.subjects.refused(topic);
        match self.events.publish(&self.requests, subject, Some(id), None, Vec::new(), deadline).await {
            Ok(Ack::Duplicate { sequence }) if sequence < last.mark.offset => {
                self.find_at(last.epoch, sequence, deadline).await.map_err(Failed::Stored)
            }
            Ok(_) => Err(Failed::Closed),
            Err(fault) => Err(Failed::Before(fault)),
        }
    }

    /// Sends a last event, until it has closed the topic or another one has.
    pub(super) async fn send_last(
        &self,
        topic: EngineTopic<'_>,
        event: Closing<'_>,
        deadline: Instant,
    ) -> Result<Position, Failed> {
        let Closing { draft, keys, id, tags } = event;
        let (name, of) = (topic.name(), &self.subjects);
        // The sequence of the event, once it is stored.
        let mut stored_at = None;
        loop {
            let failed = |fault| if stored_at.is_some() { Failed::Stored(fault) } else { Failed::Before(fault) };
            let announced = self.events.get(&self.requests, &of.closings(name), Which::Last, deadline).await;
            let announced = announced.map_err(failed)?.map_or(0, |message| message.sequence);
            let newest = self.latest(name, deadline).await.map_err(failed)?;
            let Position { epoch, mark } = newest.position;
            if newest.is_last {
                // By this attempt, or by an earlier one without an answer.
                let is_own = tags.contains(&mark.tag) || stored_at == Some(mark.offset);
                return if is_own { Ok(newest.position) } else { Err(Failed::Closed) };
            }
            if topic.is_removed() || stored_at.is_some() {
                // Removed, or lost by NATS.
                return Err(failed(NatsFault::lost(self.requests.link.place())));
            }
            let (after, expected) = (record::closing(epoch, mark.offset), Some(announced));
            let announced =
                self.events.publish(&self.requests, of.closings(name), None, expected, after, deadline).await;
            if announced.map_err(Failed::Before)? == Ack::OtherSequence {
                continue;
            }
            let tag = Tag::random();
            tags.push(tag);
            let payload = record::event(epoch, tag, keys, draft.without_id());
            let id = message_id(name, epoch, keys, id);
            let (highest, expected) = (self.highest.load(Ordering::Acquire), Some(mark.offset));
            let stored =
                self.events.publish(&self.requests, of.events(name), Some(&id), expected, payload, deadline).await;
            match stored.map_err(Failed::Sent)? {
                // Whether it is the first one is read again.
                Ack::Stored { sequence } => {
                    self.record_sequence(sequence, highest);
                    stored_at = Some(sequence);
                }
                Ack::Duplicate { sequence } => stored_at = Some(sequence),
                // Another event came first.
                Ack::OtherSequence => {}
            }
        }
    }
}
