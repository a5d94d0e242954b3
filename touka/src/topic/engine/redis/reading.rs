//! Reading events for syncs.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::answer;
use super::fault::RedisFault;
use super::node::Node;
use crate::topic::engine::shared::active::ActiveTopic;
use crate::topic::engine::shared::sync::{READ_BYTES, READ_EVENTS, Read, Source};
use crate::topic::position::Position;

impl From<answer::Read> for Read {
    fn from(read: answer::Read) -> Self {
        Self { head: read.head, end: read.end.map(|end| end.end), events: read.events }
    }
}

impl Source for Node {
    type Fault = RedisFault;

    // Redis executes no other command while it reads: hence the bounds.
    async fn read_after(&self, topic: &ActiveTopic, seen: Position, deadline: Instant) -> Result<Read, RedisFault> {
        let after = Some(seen.mark.offset);
        Ok(self.read(&topic.tail, after, None, READ_EVENTS, READ_BYTES, deadline).await?.into())
    }

    async fn read_newest(&self, topic: &ActiveTopic, deadline: Instant) -> Result<Read, RedisFault> {
        // At least one: the event that has closed a topic must be known.
        let events = self.cache.events.max(1);
        let mut read = self.read(&topic.tail, None, None, events, self.cache.bytes, deadline).await?;
        read.events.reverse();
        Ok(read.into())
    }

    fn syncs(&self) -> &Semaphore {
        &self.syncs
    }

    fn sync_timeout(&self) -> Duration {
        self.options.connect_timeout
    }

    fn away(&self) -> RedisFault {
        RedisFault::unreachable(self.connector.place(), "there is no connection that receives events")
    }
}
