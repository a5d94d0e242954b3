//! [`MemoryEngine`], which keeps nothing in addition to the logs in memory.

use super::engine::Engine;
use super::engine_future::EngineFuture;
use super::engine_topic::EngineTopic;
use super::lease::Lease;
use crate::topic::encoded::Draft;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::Position;

/// Keeps nothing in addition to the logs in memory.
#[derive(Debug)]
pub(super) struct MemoryEngine;

impl Engine for MemoryEngine {
    fn activate<'a>(&'a self, _: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::ready(Ok(Lease::none()))
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::ready(topic.log.append(&draft, keys))
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        topic.log.remove();
        EngineFuture::ready(Ok(()))
    }
}
