//! Feeds: the right to run one, as a message that expires, and its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::api::{Ack, Which};
use super::fault::NatsFault;
use super::node::Node;
use super::record;
use crate::stream::random;
use crate::topic::engine::FeedEnd;
use crate::topic::engine::shared::active::ActiveTopic;
use crate::topic::engine::shared::attempts::Attempts;
use crate::topic::engine::shared::leading::{EXTEND_AFTER, Holder, Leases, TIMEOUT};
use crate::topic::position::Epoch;

impl Leases for Node {
    type Fault = NatsFault;

    /// The right is the message of its holder on the topic's subject. A node takes it if there is none, and extends its own
    /// one by replacing it: the expected sequence lets one node succeed.
    async fn ask_for_lead(&self, topic: &str, holder: &str) -> Result<Holder, NatsFault> {
        let deadline = Instant::now() + TIMEOUT;
        let known = self.held.lock().get(holder).copied();
        if self.write_lead(topic, holder, known.unwrap_or(0), deadline).await? {
            return Ok(Holder::This);
        }
        // An attempt without an answer may have been stored. Without a message, the right of this holder has expired a moment
        // ago, and no other one has taken it.
        let own = match self.find_lead(topic, deadline).await? {
            None => Some(0),
            Some((found, sequence)) => (found == holder).then_some(sequence),
        };
        if let Some(sequence) = own
            && self.write_lead(topic, holder, sequence, deadline).await?
        {
            return Ok(Holder::This);
        }
        self.held.lock().remove(holder);
        Ok(Holder::Other(EXTEND_AFTER))
    }

    async fn release_lead(&self, topic: &str, holder: &str) -> Result<(), NatsFault> {
        self.held.lock().remove(holder);
        let deadline = Instant::now() + TIMEOUT;
        // A request whose future was dropped may have been granted.
        if let Some((found, sequence)) = self.find_lead(topic, deadline).await?
            && found == holder
        {
            self.leases.delete(&self.requests, sequence, deadline).await?;
            self.requests.link.send(self.subjects.lead_free(topic), Vec::new(), deadline).await?;
        }
        Ok(())
    }

    fn new_holder(&self) -> String {
        format!("{:016x}.{}", self.id, self.leads.fetch_add(1, Ordering::Relaxed))
    }

    fn active_topic(&self, topic: &str) -> Option<Arc<ActiveTopic>> {
        self.active.get(&self.subjects.live(topic))
    }
}

impl Node {
    /// Writes the right of a holder, if the last message has this sequence.
    async fn write_lead(&self, topic: &str, holder: &str, expected: u64, deadline: Instant) -> Result<bool, NatsFault> {
        let (subject, name) = (self.subjects.lead(topic), holder.as_bytes().to_vec());
        let written = self.leases.publish(&self.requests, subject, None, Some(expected), name, deadline).await?;
        let Ack::Stored { sequence } = written else { return Ok(false) };
        self.held.lock().insert(holder.to_owned(), sequence);
        Ok(true)
    }

    /// The holder of the right, and the sequence of its message.
    async fn find_lead(&self, topic: &str, deadline: Instant) -> Result<Option<(String, u64)>, NatsFault> {
        let subject = self.subjects.lead(topic);
        let found = self.leases.get(&self.requests, &subject, Which::Last, deadline).await?;
        Ok(found.map(|message| (String::from_utf8_lossy(&message.data).into_owned(), message.sequence)))
    }

    /// Ends the streams of a topic on all nodes: its feed has ended. Returns `None` if another node runs the feed now.
    pub(super) async fn end_feed(
        &self,
        topic: &str,
        holder: &str,
        end: FeedEnd,
    ) -> Result<Option<(Epoch, FeedEnd)>, NatsFault> {
        let (mut attempts, id) = (Attempts::new(self.options.publish_timeout), format!("{:016x}", random()));
        loop {
            let fault = match self.write_end(topic, holder, &end, &id, attempts.deadline()).await {
                Ok(written) => return Ok(written),
                Err(fault) => fault,
            };
            if !fault.is_passing() || !attempts.pause().await {
                return Err(fault);
            }
        }
    }

    async fn write_end(
        &self,
        topic: &str,
        holder: &str,
        end: &FeedEnd,
        id: &str,
        deadline: Instant,
    ) -> Result<Option<(Epoch, FeedEnd)>, NatsFault> {
        if self.find_lead(topic, deadline).await?.is_some_and(|(found, _)| found != holder) {
            return Ok(None);
        }
        let head = self.latest(topic, deadline).await?.position;
        let (end, subject) = (FeedEnd { at: head.mark.offset, ..end.clone() }, self.subjects.ends(topic));
        let payload = record::end(head.epoch, &end);
        let stored = self.events.publish(&self.requests, subject, Some(id), None, payload, deadline).await?;
        if matches!(stored, Ack::OtherSequence) {
            return Ok(None);
        }
        // Last: until the end is stored, no other node may run the feed.
        let _ = self.release_lead(topic, holder).await;
        Ok(Some((head.epoch, end)))
    }
}
