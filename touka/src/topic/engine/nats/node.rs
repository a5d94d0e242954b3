//! [`Node`], one process among those that share NATS.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use async_nats::Subscriber;
use futures_core::Stream as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::api::{Ack, StoredMessage, Stream, Which};
use super::fault::NatsFault;
use super::known_epochs::KnownEpochs;
use super::options::Nats;
use super::record::{Record, root};
use super::requests::Requests;
use super::streams::{StreamInfo, ensure_streams, stream_info};
use super::subjects::Subjects;
use crate::sync::Mutex;
use crate::topic::cache::Cache;
use crate::topic::engine::shared::active::ActiveTopics;
use crate::topic::engine::shared::clock::Clock;
use crate::topic::engine::shared::epoch_names::EpochNames;
use crate::topic::engine::shared::health::Health;
use crate::topic::position::{Epoch, Mark, Position, Tag};
use crate::topic::retention::Retention;

/// One process among those that share NATS.
pub(super) struct Node {
    /// A random number that no other node has.
    pub(super) id: u64,
    pub(super) options: Nats,
    /// The retention of the hub.
    pub(super) retention: Retention,
    pub(super) subjects: Subjects,
    pub(super) requests: Requests,
    pub(super) events: Stream,
    pub(super) leases: Stream,
    /// The stream of events when it was last asked for.
    pub(super) info: Mutex<StreamInfo>,
    /// The highest sequence of a message that this node has published or received since the streams were last checked.
    pub(super) highest: AtomicU64,
    /// The number of connections when the streams were last checked, and the active topics were told to sync.
    pub(super) connects: AtomicU64,
    /// The connection at which the active topics were last marked as not heard: see [`Node::notice_connection`].
    pub(super) noticed: AtomicU64,
    pub(super) active: Arc<ActiveTopics>,
    pub(super) names: EpochNames,
    pub(super) epochs: KnownEpochs,
    /// The removals that the node has heard and has yet to take account of.
    pub(super) removals: Mutex<Subscriber>,
    /// The number of times that this node has asked for the right to run a feed.
    pub(super) leads: AtomicU64,
    /// The rights to run feeds that this node has, by the names of their holders: the sequences of their messages.
    pub(super) held: Mutex<HashMap<String, u64>>,
    pub(super) clock: Clock,
    pub(super) health: Health,
    pub(super) syncs: Semaphore,
    /// The turns of publishes.
    pub(super) publishes: Arc<Semaphore>,
    pub(super) cache: Cache,
}

/// The number of connections of a node that has to check its streams and topics again, behind an intact connection.
pub(super) const UNPREPARED: u64 = 0;

/// The newest record of a topic. What was stored after its last event does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latest {
    pub(super) position: Position,
    pub(super) is_event: bool,
    /// Whether it is the last event: the topic is closed.
    pub(super) is_last: bool,
    /// Whether the last event may be about to follow.
    pub(super) is_closing: bool,
}

/// The maximum number of events between the announcement of a removal and the root of the next log.
const MAX_EVENTS_BEFORE_ROOT: usize = 256;

impl Node {
    /// Creates the streams if they do not exist, and compares the clocks.
    pub(super) async fn prepare(&self, deadline: Instant) -> Result<(), NatsFault> {
        let info = ensure_streams(
            &self.requests,
            [&self.events, &self.leases],
            (&self.options, &self.subjects),
            self.retention,
            deadline,
        )
        .await?;
        self.highest.store(info.last, Ordering::Release);
        *self.info.lock() = info;
        if let Err(fault) = self.compare_clocks(deadline).await {
            tracing::debug!(target: "touka::topic", ?fault, "the age of events counts by the clock of this process");
        }
        Ok(())
    }

    async fn compare_clocks(&self, deadline: Instant) -> Result<(), NatsFault> {
        let subject = self.subjects.clock(self.id);
        let written = self.leases.publish(&self.requests, subject, None, None, Vec::new(), deadline).await?;
        if let Ack::Stored { sequence } = written
            && let Some(message) = self.leases.get_at(&self.requests, sequence, deadline).await?
        {
            self.clock.record(message.time);
        }
        Ok(())
    }

    /// Whether the streams exist, as far as this process knows, on the present connection.
    pub(super) fn is_prepared(&self) -> bool {
        self.connects.load(Ordering::Acquire) == self.requests.link.connects()
    }

    /// Marks all topics as not heard if the connection was lost or opened since this was last called: until they are compared
    /// with NATS again, their logs may have events that it has lost.
    pub(super) fn notice_connection(&self) {
        let connection = self.requests.link.connects() * 2 + u64::from(self.requests.link.is_connected());
        if self.noticed.swap(connection, Ordering::AcqRel) != connection {
            self.active.begin_anew();
        }
    }

    /// Has the listener check the streams again, create them if they do not exist, and read all topics.
    pub(super) fn doubt_streams(&self) {
        if self.connects.swap(UNPREPARED, Ordering::AcqRel) != UNPREPARED {
            self.active.begin_anew();
        }
    }

    /// Records the sequence of a message that was published after another one had got the highest. A lower one shows that the
    /// stream was made anew, or has lost messages, behind an intact connection: then all topics may have other epochs.
    pub(super) fn record_sequence(&self, sequence: u64, highest: u64) {
        if sequence > highest {
            self.highest.fetch_max(sequence, Ordering::AcqRel);
        } else {
            self.highest.store(sequence, Ordering::Release);
            self.epochs.clear();
            self.doubt_streams();
        }
    }

    /// Parses a record of a topic.
    pub(super) fn record<'m>(&self, message: &'m StoredMessage) -> Result<Record<'m>, NatsFault> {
        Record::parse(&message.data).ok_or_else(|| self.foreign_record())
    }

    /// The error of a record that is not touka's.
    pub(super) fn foreign_record(&self) -> NatsFault {
        NatsFault::answer(self.requests.link.place())
    }

    /// The newest record of a topic. `None` if there is none.
    pub(super) async fn find(&self, topic: &str, deadline: Instant) -> Result<Option<Latest>, NatsFault> {
        let subject = self.subjects.events(topic);
        let Some(message) = self.events.get(&self.requests, &subject, Which::Last, deadline).await? else {
            return Ok(None);
        };
        let record = self.record(&message)?;
        let mut position = position(&record, message.sequence);
        if record.is_event() {
            position.epoch = self.epoch_at(topic, position, deadline).await?;
        }
        let (is_event, is_last) = (record.is_event(), record.is_last());
        let newest = Latest { position, is_event, is_last, is_closing: false };
        if is_last { Ok(Some(newest)) } else { self.last_or(topic, newest, deadline).await.map(Some) }
    }

    /// The epoch of the log that an event belongs to. The event itself names the one that its publisher knew: a node may not
    /// have heard yet that the topic was removed.
    pub(super) async fn epoch_at(&self, topic: &str, event: Position, deadline: Instant) -> Result<Epoch, NatsFault> {
        let removals = self.subjects.removals(topic);
        let Some(removal) = self.events.get(&self.requests, &removals, Which::Last, deadline).await? else {
            // The stream may have been made anew, and the publisher did not know: the root decides, if it is there.
            let subject = self.subjects.events(topic);
            let first = self.events.get(&self.requests, &subject, Which::From(1), deadline).await?;
            let Some(first) = first else { return Ok(event.epoch) };
            let record = self.record(&first)?;
            return Ok(if record.is_event() { event.epoch } else { record.epoch });
        };
        let epoch = self.record(&removal)?.epoch;
        if epoch == event.epoch || removal.sequence > event.mark.offset {
            return Ok(event.epoch);
        }
        // The root follows its announcement, after a few events at most that were published at that time.
        let (subject, mut from) = (self.subjects.events(topic), removal.sequence);
        for _ in 0..MAX_EVENTS_BEFORE_ROOT {
            let next = self.events.get(&self.requests, &subject, Which::From(from), deadline).await?;
            let Some(message) = next.filter(|message| message.sequence < event.mark.offset) else { break };
            let record = self.record(&message)?;
            if !record.is_event() && record.epoch == epoch {
                return Ok(epoch);
            }
            from = message.sequence + 1;
        }
        Ok(event.epoch)
    }

    /// The newest record of a topic. Begins its log if there is none.
    pub(super) async fn latest(&self, topic: &str, deadline: Instant) -> Result<Latest, NatsFault> {
        let clears = self.epochs.clears();
        loop {
            if let Some(latest) = self.find(topic, deadline).await? {
                if latest.is_last || latest.is_closing {
                    self.epochs.forget(topic);
                } else {
                    self.epochs.insert(topic, latest.position.epoch, clears);
                }
                return Ok(latest);
            }
            let (epoch, tag) = (self.first_epoch(topic, deadline).await?, Tag::random());
            let (subject, root) = (self.subjects.events(topic), root(epoch, tag, None));
            // Another node may begin it at the same time: the expectation lets one of them do it.
            let written = self.events.publish(&self.requests, subject, None, Some(0), root, deadline).await?;
            if let Ack::Stored { sequence } = written {
                let position = Position { epoch, mark: Mark { offset: sequence, tag } };
                self.epochs.insert(topic, epoch, clears);
                return Ok(Latest { position, is_event: false, is_last: false, is_closing: false });
            }
        }
    }

    /// The epoch of a topic that has no record: the same one for all nodes, and another one if the stream was made anew.
    async fn first_epoch(&self, topic: &str, deadline: Instant) -> Result<Epoch, NatsFault> {
        // The stream may have been made anew since it was last asked for.
        let stream = stream_info(&self.requests, &self.events, deadline).await?;
        let parts = [stream.created.as_bytes(), b"\0", self.events.name.as_bytes(), b"\0", topic.as_bytes()];
        // FNV-1a, which is the same on each platform and in each version.
        let hash = parts
            .into_iter()
            .flatten()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        Ok(Epoch::from_bits(hash))
    }

    /// Takes account of the removals that have arrived, and of the announcements of closings. A removal that was made before a
    /// publish arrives before its reply: both are on one connection.
    pub(super) fn hear_removals(&self) {
        let mut removals = self.removals.lock();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(message)) = Pin::new(&mut *removals).poll_next(&mut cx) {
            match Subjects::topic_of(&message.subject) {
                Some(topic) => self.epochs.remove(&topic),
                None => self.epochs.clear(),
            }
        }
    }

    /// Writes the name of a topic under its epoch, if that is due, so that the topic is found by its ids.
    pub(super) async fn write_name(&self, topic: &str, epoch: Epoch, deadline: Instant) {
        if !self.names.is_due(epoch) {
            return;
        }
        let (subject, name) = (self.subjects.name(epoch), topic.as_bytes().to_vec());
        if let Err(fault) = self.events.publish(&self.requests, subject, None, None, name, deadline).await {
            self.names.forget(epoch);
            tracing::debug!(target: "touka::topic", topic, ?fault, "the topic is not found by its ids for some time");
        }
    }
}

/// The position of a record at a sequence.
pub(super) fn position(record: &Record<'_>, sequence: u64) -> Position {
    Position { epoch: record.epoch, mark: Mark { offset: sequence, tag: record.tag } }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.requests).finish()
    }
}
