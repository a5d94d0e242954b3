//! [`RedisEngine`], which keeps the events of topics on a Redis that many nodes share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use redis::{Cmd, Value};
use tokio::time::Instant;

use super::cluster::Place;
use super::end::End;
use super::fault::RedisFault;
use super::nodes::Nodes;
use super::options::Redis;
use super::script::REMOVE;
use crate::error::CloseReason;
use crate::event::Event;
use crate::topic::cache::Cache;
use crate::topic::encoded::Draft;
use crate::topic::engine::shared::leading::lead;
use crate::topic::engine::shared::sync::{ensure_in_step, sync_on_task};
use crate::topic::engine::{Ended, Engine, EngineFuture, EngineTopic, Lead, Lease};
use crate::topic::error::HubError;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Position};
use crate::topic::stored::{Stored, unix_time};

/// The time that a client waits for an answer of Redis if the log may have events that Redis has lost.
const IN_STEP_TIMEOUT: Duration = Duration::from_secs(2);

/// Keeps the events of topics on a Redis that many nodes share.
pub(crate) struct RedisEngine {
    nodes: Arc<Nodes>,
}

impl RedisEngine {
    /// Connects, and checks whether the server is suitable.
    pub(crate) async fn connect(options: Redis, cache: Cache) -> Result<Self, HubError> {
        Ok(Self { nodes: Arc::new(Nodes::connect(options, cache).await?) })
    }

    async fn read_before(
        &self,
        topic: EngineTopic<'_>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> Result<Vec<Stored>, RedisFault> {
        let deadline = Instant::now() + self.nodes.options().connect_timeout;
        let tail = topic.tail();
        let mut read = loop {
            let read = match self.nodes.of(topic.name()) {
                Ok(node) => node.read(&tail, Some(from), Some(until), usize::MAX >> 16, bytes, deadline).await,
                Err(fault) => Err(fault),
            };
            match read {
                Ok(read) => break read,
                Err(fault) => self.nodes.wait_for_move(fault, deadline).await?,
            }
        };
        // Redis removes events that are too old with the next publish.
        let oldest = tail.retention().and_then(|retention| u64::try_from(retention.age.as_millis()).ok());
        let oldest = oldest.map_or(0, |age| unix_time().saturating_sub(age));
        let too_old = read.events.partition_point(|event| event.time < oldest && Some(event.position) != read.head);
        read.events.drain(..too_old);
        Ok(read.events)
    }

    async fn forget(&self, topic: EngineTopic<'_>) -> Result<(), RedisFault> {
        let keys = self.nodes.keys();
        let timeout = self.nodes.options().publish_timeout;
        let deadline = Instant::now() + timeout;
        let (events, state) = (keys.events(topic.name()), keys.state(topic.name()));
        let channel = keys.channel(topic.name());
        let answer = loop {
            let answer = match self.nodes.of(topic.name()) {
                Ok(node) => REMOVE.run(&node.commands, &[&events, &state], &[channel.as_bytes()], deadline).await,
                Err(fault) => Err(fault),
            };
            match answer {
                Ok(answer) => break answer,
                Err(fault) => self.nodes.wait_for_move(fault, deadline).await?,
            }
        };
        if let Value::BulkString(epoch) = &answer
            && let Some(epoch) = str::from_utf8(epoch).ok().and_then(|epoch| epoch.parse().ok())
        {
            let name = keys.epoch(Epoch::from_bits(epoch));
            let mut forget = Cmd::new();
            forget.arg("DEL").arg(&name);
            // The name expires by itself later.
            let _ = self.nodes.ask(&forget, &name, timeout).await;
        }
        topic.tail().remove();
        Ok(())
    }

    async fn ask(&self, command: &str, key: String) -> Result<Value, RedisFault> {
        let mut ask = Cmd::new();
        ask.arg(command).arg(&key);
        self.nodes.ask(&ask, &key, self.nodes.options().connect_timeout).await
    }

    /// Brings the log of a topic in step, if it is followed: on the server to which it was moved, if it is moved meanwhile.
    async fn bring_in_step(
        &self,
        topic: &str,
        timeout: Duration,
        sync: impl AsyncFn(Place, Instant) -> Result<(), RedisFault>,
    ) -> Result<(), RedisFault> {
        let deadline = Instant::now() + timeout;
        loop {
            let synced = match self.nodes.place(topic) {
                Ok(Some(place)) => sync(place, deadline).await,
                Ok(None) => return Ok(()),
                Err(fault) => Err(fault),
            };
            match synced {
                Ok(()) => return Ok(()),
                Err(fault) => self.nodes.wait_for_move(fault, deadline).await?,
            }
        }
    }
}

impl Engine for RedisEngine {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::new(async move { Ok(self.nodes.follow(topic).await?) })
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::new(async move { self.nodes.publish(topic, &draft, keys).await })
    }

    fn lead<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        EngineFuture::new(async move { Ok(lead(&self.nodes, topic.name()).await) })
    }

    fn end_feed<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        lead: &'a Lead,
        reason: CloseReason,
        last: Option<&'a Event>,
    ) -> EngineFuture<'a, Ended> {
        EngineFuture::new(async move {
            let mut wire = BytesMut::new();
            if let Some(last) = last {
                last.encode(&mut wire);
            }
            let (tail, reason) = (topic.tail(), reason.as_str());
            let Some(End { epoch, end }) = self.nodes.end_feed(&tail, lead.holder(), reason, &wire).await? else {
                return Ok(Ended::Lost);
            };
            if tail.head().is_some_and(|head| head.epoch == epoch) {
                tail.end_feed(end);
            } else {
                // Redis has lost the topic. The log gets the new one, and its end.
                if let Err(error) = self.refresh(topic).await {
                    // The end is kept. The log gets it with its next comparison.
                    tracing::debug!(target: "touka::topic", topic = topic.name(), ?error, "streams end a little later");
                }
            }
            Ok(Ended::Everywhere)
        })
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::new(async move { Ok(self.forget(topic).await?) })
    }

    fn refresh<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::new(async move {
            let sync = async |Place { node, topic }: Place, deadline| sync_on_task(&node, &topic, deadline).await;
            Ok(self.bring_in_step(topic.name(), self.nodes.options().connect_timeout, sync).await?)
        })
    }

    fn ensure_in_step<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::new(async move {
            let timeout = self.nodes.options().connect_timeout.min(IN_STEP_TIMEOUT);
            let sync = async |Place { node, topic }: Place, deadline| ensure_in_step(&node, &topic, deadline).await;
            Ok(self.bring_in_step(topic.name(), timeout, sync).await?)
        })
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        EngineFuture::new(async move { Ok(self.read_before(topic, from, until, bytes).await?) })
    }

    fn is_ready(&self) -> bool {
        self.nodes.is_ready()
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::new(async move { Ok(self.ask("EXISTS", self.nodes.keys().events(name)).await? == Value::Int(1)) })
    }

    fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        EngineFuture::new(async move {
            let Value::BulkString(name) = self.ask("GET", self.nodes.keys().epoch(epoch)).await? else {
                return Ok(None);
            };
            let Ok(name) = String::from_utf8(name) else { return Ok(None) };
            // The topic may have been removed and created anew since.
            let (key, timeout) = (self.nodes.keys().state(&name), self.nodes.options().connect_timeout);
            let mut state = Cmd::new();
            state.arg("HGET").arg(&key).arg("e");
            let known = self.nodes.ask(&state, &key, timeout).await?;
            let is_same = known == Value::BulkString(epoch.bits().to_string().into_bytes());
            Ok(Some(name).filter(|_| is_same))
        })
    }
}

impl Drop for RedisEngine {
    fn drop(&mut self) {
        self.nodes.close();
    }
}

impl fmt::Debug for RedisEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redis").field(&self.nodes).finish()
    }
}
