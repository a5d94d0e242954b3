//! [`Slow`], an engine that takes its time.

use std::time::Duration;

use tokio::time::sleep;
use touka::topic::engine::{Draft, Engine, EngineFuture, EngineTopic, EventKeys, Lead, Lease, Position, Stored};

use crate::store::Store;

/// An engine that needs a second to look a topic up, and one to load it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slow(Store);

impl Engine for Slow {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::new(async move {
            sleep(Duration::from_secs(1)).await;
            self.0.activate(topic).await
        })
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        self.0.publish(topic, draft, keys)
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.0.remove(topic)
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        self.0.before(topic, from, until, bytes)
    }

    fn refresh<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.0.refresh(topic)
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::new(async move {
            sleep(Duration::from_secs(1)).await;
            self.0.has(name).await
        })
    }

    fn lead<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        self.0.lead(topic)
    }
}
