//! Reading the events of a topic.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::api::{StoredMessage, Which};
use super::chain::{Chain, Pushed};
use super::consumer::{Batch, Consumer};
use super::fault::NatsFault;
use super::newest::SLACK;
use super::node::Node;
use super::record::EndRecord;
use crate::topic::engine::shared::active::ActiveTopic;
use crate::topic::engine::shared::sync::{READ_BYTES, READ_EVENTS, Read, Source};
use crate::topic::engine::{FeedEnd, Tail};
use crate::topic::position::Position;
use crate::topic::stored::{Stored, unix_time};

/// The number of messages that are read one by one, before a consumer is created for the rest.
const SINGLE_READS: usize = 4;

/// How far a read has come.
enum Reached {
    /// The chain has the newest event.
    End,
    /// A bound of the read. The topic may have more events.
    Bound,
    /// The topic has another log now.
    Elsewhere,
}

impl Node {
    /// Extends a chain up to the newest event, or up to a bound.
    async fn extend(&self, subject: &str, chain: &mut Chain, deadline: Instant) -> Result<Reached, NatsFault> {
        for _ in 0..SINGLE_READS {
            match self.extend_by_one(subject, chain, deadline).await? {
                None => {}
                Some(reached) => return Ok(reached),
            }
        }
        let mut consumer = Consumer::open(&self.requests, &self.events, subject, chain.next, deadline).await?;
        while consumer.pending > 0 {
            let batch = Batch { messages: READ_EVENTS, bytes: READ_BYTES, until: u64::MAX };
            for message in consumer.read(batch, deadline).await? {
                if chain.push(&message, &self.record(&message)?, &self.clock) == Pushed::Elsewhere {
                    consumer.close().await;
                    return Ok(Reached::Elsewhere);
                }
            }
            if chain.events.len() >= READ_EVENTS || chain.bytes >= READ_BYTES {
                consumer.close().await;
                return Ok(Reached::Bound);
            }
        }
        consumer.close().await;
        // The server of the consumer may not have the newest messages yet. The leader of the stream has them.
        Ok(self.extend_by_one(subject, chain, deadline).await?.unwrap_or(Reached::Bound))
    }

    /// Extends a chain by the next message, as the leader of the stream has it. Returns `None` if there was one.
    async fn extend_by_one(
        &self,
        subject: &str,
        chain: &mut Chain,
        deadline: Instant,
    ) -> Result<Option<Reached>, NatsFault> {
        let Some(message) = self.events.get(&self.requests, subject, Which::From(chain.next), deadline).await? else {
            return Ok(Some(Reached::End));
        };
        let pushed = chain.push(&message, &self.record(&message)?, &self.clock);
        Ok((pushed == Pushed::Elsewhere).then_some(Reached::Elsewhere))
    }

    /// Whether NATS still has the record at a position. If not, that proves nothing. If so, all that was read before this is
    /// of the same stream: it has not been deleted and created anew meanwhile, with other events at the same sequences.
    async fn has_record(&self, subject: &str, seen: Position, deadline: Instant) -> Result<bool, NatsFault> {
        let from = Which::From(seen.mark.offset);
        let Some(message) = self.events.get(&self.requests, subject, from, deadline).await? else { return Ok(false) };
        let record = self.record(&message)?;
        let is_same_log = record.is_event() || record.epoch == seen.epoch;
        Ok(message.sequence == seen.mark.offset && record.tag == seen.mark.tag && is_same_log)
    }

    /// The end of the topic's last feed.
    async fn last_end(&self, topic: &str, deadline: Instant) -> Result<Option<EndRecord>, NatsFault> {
        let subject = self.subjects.ends(topic);
        let Some(message) = self.events.get(&self.requests, &subject, Which::Last, deadline).await? else {
            return Ok(None);
        };
        let end = EndRecord::parse(&message.data).ok_or_else(|| self.foreign_record())?;
        Ok(Some(end))
    }

    /// The end of the last feed of a log.
    async fn end_of(&self, topic: &str, head: Position, deadline: Instant) -> Result<Option<FeedEnd>, NatsFault> {
        let found = self.last_end(topic, deadline).await?;
        Ok(found.filter(|record| record.epoch == head.epoch).map(|record| record.end))
    }

    /// Reads events from before the first one of a log, for one reader. See [`Engine::before`](super::super::Engine::before).
    pub(super) async fn read_before(
        &self,
        tail: &Tail,
        from: u64,
        until: u64,
        bytes: usize,
        deadline: Instant,
    ) -> Result<Vec<Stored>, NatsFault> {
        let (Some(head), Some(retention)) = (tail.head(), tail.retention()) else { return Ok(Vec::new()) };
        let subject = self.subjects.events(tail.topic());
        let mut chain = Chain::new(head.epoch, None, from.saturating_add(1));
        if from > 0
            && let Some(message) = self.events.get(&self.requests, &subject, Which::From(from), deadline).await?
            && message.sequence == from
        {
            chain.skip(&message, &self.record(&message)?);
        }
        let most = u64::try_from(retention.events.max(1)).unwrap_or(u64::MAX);
        let mut consumer = Consumer::open(&self.requests, &self.events, &subject, chain.next, deadline).await?;
        if consumer.pending > most.saturating_add(SLACK) {
            consumer.close().await;
            consumer = Consumer::open_newest(
                &self.requests,
                &self.events,
                &subject,
                retention.events.max(1),
                head.mark.offset,
                deadline,
            )
            .await?;
            chain = Chain::new(head.epoch, None, 1);
        }
        // NATS keeps a few messages more than are retained.
        let mut excess = consumer.pending.saturating_sub(most);
        let batch = Batch { messages: 256, bytes: bytes.max(4096), until };
        'read: while consumer.pending > 0 {
            for message in consumer.read(batch, deadline).await? {
                if message.sequence > until || chain.bytes >= bytes && !chain.events.is_empty() {
                    break 'read;
                }
                self.push_old(&mut chain, &message, &mut excess)?;
            }
        }
        consumer.close().await;
        // The server of the consumer may be behind the leader of the stream.
        while chain.next <= until && chain.bytes < bytes {
            let next = self.events.get(&self.requests, &subject, Which::From(chain.next), deadline).await?;
            let Some(message) = next.filter(|message| message.sequence <= until) else { break };
            self.push_old(&mut chain, &message, &mut excess)?;
        }
        // The log may not know yet that NATS has another one. A head that is trimmed or expired has no events before it.
        if !self.has_record(&subject, head, deadline).await? {
            return Ok(Vec::new());
        }
        let oldest = u64::try_from(retention.age.as_millis()).ok();
        let oldest = oldest.map_or(0, |age| unix_time().saturating_sub(age));
        let too_old = chain.events.partition_point(|event| event.time < oldest && event.position != head);
        chain.events.drain(..too_old);
        Ok(chain.events)
    }

    fn push_old(&self, chain: &mut Chain, message: &StoredMessage, excess: &mut u64) -> Result<(), NatsFault> {
        let record = self.record(message)?;
        if *excess > 0 {
            *excess -= 1;
            chain.skip(message, &record);
        } else if chain.push(message, &record, &self.clock) == Pushed::Elsewhere {
            chain.restart();
        }
        Ok(())
    }
}

impl Node {
    /// Reads on one connection. On the next one, NATS may have lost what the first replies have told, and have other events
    /// with the same numbers.
    pub(super) async fn on_one_connection<T>(
        &self,
        read: impl Future<Output = Result<T, NatsFault>>,
        deadline: Instant,
    ) -> Result<T, NatsFault> {
        self.requests.link.connected(deadline).await?;
        let connects = self.requests.link.connects();
        let read = read.await?;
        if self.requests.link.connects() == connects {
            Ok(read)
        } else {
            Err(NatsFault::lost(self.requests.link.place()))
        }
    }

    async fn read_log_after(&self, topic: &ActiveTopic, seen: Position, deadline: Instant) -> Result<Read, NatsFault> {
        let name = topic.tail.topic();
        let subject = self.subjects.events(name);
        if topic.tail.closed_at() == Some(seen) {
            let latest = self.latest(name, deadline).await?.position;
            // What follows the last event does not count, whatever NATS still knows of its announcement.
            let has_closed = latest.epoch == seen.epoch && self.has_record(&subject, seen, deadline).await?;
            let head = if has_closed { seen } else { latest };
            let end = self.end_of(name, head, deadline).await?;
            return Ok(Read { head: Some(head), end, events: Vec::new() });
        }
        // A log that was not read yet is before the first sequence.
        if seen.mark.offset > 0 {
            let mut chain = Chain::new(seen.epoch, Some(seen.mark), seen.mark.offset + 1);
            let head = match self.extend(&subject, &mut chain, deadline).await? {
                Reached::End => Some(Position { epoch: seen.epoch, mark: chain.seen().unwrap_or(seen.mark) }),
                Reached::Bound => Some(self.latest(name, deadline).await?.position),
                Reached::Elsewhere => None,
            };
            if let Some(head) = head {
                let end = self.end_of(name, head, deadline).await?;
                if self.has_record(&subject, seen, deadline).await? {
                    return Ok(Read { head: Some(head), end, events: chain.events });
                }
            }
        }
        let head = self.latest(name, deadline).await?.position;
        Ok(Read { head: Some(head), end: None, events: Vec::new() })
    }

    async fn read_newest_of(&self, topic: &ActiveTopic, deadline: Instant) -> Result<Read, NatsFault> {
        let name = topic.tail.topic();
        let latest = self.latest(name, deadline).await?;
        let head = latest.position;
        let end = self.end_of(name, head, deadline).await?;
        if !latest.is_event {
            return Ok(Read { head: Some(head), end, events: Vec::new() });
        }
        let (subject, most) = (self.subjects.events(name), self.cache.events.max(1).saturating_add(1));
        let mut consumer =
            Consumer::open_newest(&self.requests, &self.events, &subject, most, head.mark.offset, deadline).await?;
        let (mut newest, mut bytes) = (VecDeque::<StoredMessage>::new(), 0);
        let batch = Batch { messages: READ_EVENTS, bytes: READ_BYTES, until: head.mark.offset };
        while consumer.pending > 0 {
            let read = consumer.read(batch, deadline).await?;
            for message in read.into_iter().filter(|message| message.sequence <= head.mark.offset) {
                bytes += message.data.len();
                newest.push_back(message);
                while newest.len() > most || newest.len() > 1 && bytes > self.cache.bytes {
                    bytes -= newest.pop_front().map_or(0, |message| message.data.len());
                }
            }
        }
        consumer.close().await;
        let mut chain = Chain::new(head.epoch, None, 1);
        for (index, message) in newest.iter().enumerate() {
            let record = self.record(message)?;
            if index == 0 && newest.len() > 1 {
                // The first one is the predecessor of the second: its own is not known.
                chain.skip(message, &record);
            } else if chain.push(message, &record, &self.clock) == Pushed::Elsewhere {
                chain.restart();
            }
        }
        Ok(Read { head: Some(head), end, events: chain.events })
    }
}

impl Source for Node {
    type Fault = NatsFault;

    async fn read_after(&self, topic: &ActiveTopic, seen: Position, deadline: Instant) -> Result<Read, NatsFault> {
        self.on_one_connection(self.read_log_after(topic, seen, deadline), deadline).await
    }

    async fn read_newest(&self, topic: &ActiveTopic, deadline: Instant) -> Result<Read, NatsFault> {
        self.on_one_connection(self.read_newest_of(topic, deadline), deadline).await
    }

    fn syncs(&self) -> &Semaphore {
        &self.syncs
    }

    fn sync_timeout(&self) -> Duration {
        self.options.connect_timeout
    }

    fn away(&self) -> NatsFault {
        NatsFault::unreachable(self.requests.link.place(), "no connection has taken the subscription in time")
    }
}
