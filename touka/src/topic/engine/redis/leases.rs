//! Feeds: the right to run one, as a key, and its end.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::time::Instant;

use super::end::End;
use super::fault::RedisFault;
use super::node::{Node, lifetime};
use super::nodes::Nodes;
use super::script::{END, LEAD, RELEASE};
use crate::stream::random;
use crate::topic::engine::Tail;
use crate::topic::engine::shared::active::ActiveTopic;
use crate::topic::engine::shared::leading::{Holder, LIFETIME, Leases, TIMEOUT};
use crate::topic::position::Epoch;

impl Leases for Nodes {
    type Fault = RedisFault;

    async fn ask_for_lead(&self, topic: &str, holder: &str) -> Result<Holder, RedisFault> {
        self.of(topic)?.ask_for_lead(topic, holder).await
    }

    async fn release_lead(&self, topic: &str, holder: &str) -> Result<(), RedisFault> {
        self.of(topic)?.release_lead(topic, holder).await
    }

    fn new_holder(&self) -> String {
        format!("{:016x}{:016x}", random(), random())
    }

    fn active_topic(&self, topic: &str) -> Option<Arc<ActiveTopic>> {
        self.place(topic).ok().flatten().map(|place| place.topic)
    }
}

impl Nodes {
    /// Ends the streams of a topic on all nodes: its feed has ended. Returns `None` if another node runs the feed now.
    pub(super) async fn end_feed(
        &self,
        tail: &Tail,
        holder: &str,
        reason: &str,
        last: &[u8],
    ) -> Result<Option<End>, RedisFault> {
        let deadline = Instant::now() + self.options().publish_timeout;
        loop {
            let ended = match self.of(tail.topic()) {
                Ok(node) => node.end_feed(tail, holder, reason, last, deadline).await,
                Err(fault) => Err(fault),
            };
            match ended {
                Ok(end) => return Ok(end),
                Err(fault) => self.wait_for_move(fault, deadline).await?,
            }
        }
    }
}

impl Node {
    async fn ask_for_lead(&self, topic: &str, holder: &str) -> Result<Holder, RedisFault> {
        let (key, lifetime) = (self.keys.lead(topic), LIFETIME.as_millis().to_string());
        let arguments = [holder.as_bytes(), lifetime.as_bytes()];
        match LEAD.run(&self.commands, &[&key], &arguments, Instant::now() + TIMEOUT).await? {
            Value::Array(parts) => match parts[..] {
                [Value::Int(1), _] => Ok(Holder::This),
                [_, Value::Int(left)] => Ok(Holder::Other(Duration::from_millis(left.try_into().unwrap_or(0)))),
                _ => Err(RedisFault::answer(self.connector.place())),
            },
            _ => Err(RedisFault::answer(self.connector.place())),
        }
    }

    async fn release_lead(&self, topic: &str, holder: &str) -> Result<(), RedisFault> {
        let (key, channel) = (self.keys.lead(topic), self.keys.channel(topic));
        let arguments = [holder.as_bytes(), channel.as_bytes()];
        RELEASE.run(&self.commands, &[&key], &arguments, Instant::now() + TIMEOUT).await.map(drop)
    }

    async fn end_feed(
        &self,
        tail: &Tail,
        holder: &str,
        reason: &str,
        last: &[u8],
        deadline: Instant,
    ) -> Result<Option<End>, RedisFault> {
        let topic = tail.topic();
        let (stream, state, lead) = (self.keys.events(topic), self.keys.state(topic), self.keys.lead(topic));
        let (channel, epoch) = (self.keys.channel(topic), Epoch::from_bits(random()).bits().to_string());
        let lifetime = tail.retention().map_or(0, lifetime).to_string();
        let arguments =
            [holder.as_bytes(), reason.as_bytes(), last, channel.as_bytes(), epoch.as_bytes(), lifetime.as_bytes()];
        let answer = END.run(&self.commands, &[&stream, &state, &lead], &arguments, deadline).await?;
        End::of_answer(&answer, reason, last).ok_or_else(|| RedisFault::answer(self.connector.place()))
    }
}
