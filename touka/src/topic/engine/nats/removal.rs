//! Removing a topic.

use std::sync::Arc;

use tokio::time::Instant;

use super::api::Ack;
use super::consumer::{Batch, Consumer};
use super::fault::NatsFault;
use super::node::{Latest, Node};
use super::record::root;
use super::requests::soon;
use crate::stream::random;
use crate::topic::engine::shared::attempts::Attempts;
use crate::topic::engine::shared::sync::{READ_BYTES, READ_EVENTS};
use crate::topic::position::{Epoch, Tag};

impl Node {
    /// Removes a topic: begins another log of its name, and deletes the messages of the earlier one.
    pub(super) async fn remove_topic(self: &Arc<Self>, topic: &str) -> Result<(), NatsFault> {
        let (mut attempts, id) = (Attempts::new(self.options.publish_timeout), format!("{:016x}", random()));
        let epoch = Epoch::from_bits(random());
        loop {
            let fault = match self.begin_anew(topic, epoch, &id, attempts.deadline()).await {
                Ok(Some(sequence)) => {
                    self.epochs.remove(topic);
                    let (node, topic) = (Arc::clone(self), topic.to_owned());
                    tokio::spawn(async move { node.delete_before(&topic, sequence).await });
                    return Ok(());
                }
                Ok(None) => return Ok(()),
                Err(fault) => fault,
            };
            if !fault.is_passing() || !attempts.pause().await {
                return Err(fault);
            }
        }
    }

    /// Begins another log of a topic. Returns its sequence, or `None` if there is no topic.
    async fn begin_anew(
        &self,
        topic: &str,
        epoch: Epoch,
        id: &str,
        deadline: Instant,
    ) -> Result<Option<u64>, NatsFault> {
        let Some(Latest { position, .. }) = self.find(topic, deadline).await? else { return Ok(None) };
        // An earlier attempt without an answer was stored.
        if position.epoch == epoch {
            return Ok(Some(position.mark.offset));
        }
        let root = root(epoch, Tag::random(), Some(position.epoch));
        // First the announcement: a node that reads the newest event finds the root by it.
        let (removals, announced) = (self.subjects.removals(topic), format!("{id}/r"));
        let announced =
            self.events.publish(&self.requests, removals, Some(&announced), None, root.clone(), deadline).await;
        announced?;
        let subject = self.subjects.events(topic);
        match self.events.publish(&self.requests, subject, Some(id), None, root, deadline).await? {
            Ack::Stored { sequence } | Ack::Duplicate { sequence } => Ok(Some(sequence)),
            Ack::OtherSequence => Err(self.foreign_record()),
        }
    }

    /// Deletes the messages of a topic before a sequence, one by one: the requests that delete many at once stop the whole
    /// stream for up to half a second. What is left after a failure is not read, and expires.
    async fn delete_before(&self, topic: &str, sequence: u64) {
        if let Err(fault) = self.try_delete_before(topic, sequence).await {
            tracing::debug!(target: "touka::topic", topic, ?fault, "messages of a removed topic are left");
        }
    }

    async fn try_delete_before(&self, topic: &str, sequence: u64) -> Result<(), NatsFault> {
        let of = &self.subjects;
        for subject in [of.events(topic), of.ends(topic), of.removals(topic), of.closings(topic), of.refused(topic)] {
            let mut consumer = Consumer::open(&self.requests, &self.events, &subject, 1, soon()).await?;
            let batch = Batch { messages: READ_EVENTS, bytes: READ_BYTES, until: sequence };
            'read: while consumer.pending > 0 {
                for message in consumer.read(batch, soon()).await? {
                    if message.sequence >= sequence {
                        break 'read;
                    }
                    self.events.delete(&self.requests, message.sequence, soon()).await?;
                }
            }
            consumer.close().await;
        }
        Ok(())
    }
}
