//! [`Cluster`], the nodes of a process in a cluster of several shards.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::fault::{FaultKind, RedisFault};
use super::keys::Keys;
use super::listener::listen;
use super::node::{Node, Shard};
use super::options::Redis;
use super::requirements::check_settings;
use super::shards::Shards;
use super::target::Address;
use crate::sync::Mutex;
use crate::topic::cache::Cache;
use crate::topic::engine::shared::active::{Activation, ActiveTopic};
use crate::topic::engine::shared::epoch_names::EpochNames;
use crate::topic::engine::shared::health::Readiness;
use crate::topic::engine::shared::sync::{Source as _, sync};
use crate::topic::engine::tail::Tail;

/// The pause before a topic is looked for again.
pub(super) const MOVE_PAUSE: Duration = Duration::from_millis(50);

/// The nodes of a process in a cluster, one for each primary that it uses, and the topics that it follows.
///
/// A topic is followed on the primary that has its slot. When that is another one, because its shard has failed over or the
/// slot was moved, the topic is followed there as after a reconnect: the node subscribes first, and reads then.
pub(super) struct Cluster {
    shards: Arc<Shards>,
    options: Redis,
    cache: Cache,
    keys: Keys,
    names: Arc<EpochNames>,
    readiness: Readiness,
    /// The runtime that the hub was created on.
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nodes: HashMap<Address, Running>,
    /// The topics that this process follows, by channel.
    followed: HashMap<Arc<str>, Followed>,
    /// The number of times that a topic was followed.
    count: u64,
    /// Whether the hub is closed: no node is added.
    is_closed: bool,
}

impl State {
    fn runs(&self, node: &Arc<Node>) -> bool {
        self.nodes.values().any(|running| Arc::ptr_eq(&running.node, node))
    }
}

/// A node with its tasks, which end when this is dropped.
struct Running {
    node: Arc<Node>,
    tasks: [AbortHandle; 2],
}

impl Running {
    fn stop(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A topic that this process follows.
struct Followed {
    number: u64,
    tail: Tail,
    /// `None` while no server has its slot.
    place: watch::Sender<Option<Place>>,
    activation: Option<Activation>,
}

/// The node on which a topic is followed.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) node: Arc<Node>,
    pub(super) topic: Arc<ActiveTopic>,
}

/// Guard that follows a topic.
pub(super) struct Following {
    cluster: Weak<Cluster>,
    channel: Arc<str>,
    number: u64,
}

impl Drop for Following {
    fn drop(&mut self) {
        let Some(cluster) = self.cluster.upgrade() else { return };
        let mut state = cluster.state.lock();
        if state.followed.get(&self.channel).is_some_and(|followed| followed.number == self.number) {
            state.followed.remove(&self.channel);
        }
    }
}

impl Cluster {
    /// A cluster whose map was read.
    pub(super) fn new(shards: Shards, options: Redis, cache: Cache) -> Self {
        Self {
            shards: Arc::new(shards),
            // Cluster mode has one database.
            keys: Keys::new(&options.prefix, 0),
            names: Node::new_names(),
            readiness: Readiness::new(&options.prefix),
            options,
            cache,
            // A server may be used first by a task of a runtime that ends before this one.
            runtime: Handle::current(),
            state: Mutex::default(),
        }
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) const fn options(&self) -> &Redis {
        &self.options
    }

    pub(super) fn shards(&self) -> &Shards {
        &self.shards
    }

    /// The node of the primary that keeps a topic.
    pub(super) fn node(&self, topic: &str) -> Result<Arc<Node>, RedisFault> {
        let primary = self.shards.primary(&self.keys.channel(topic))?;
        self.node_at(&mut self.state.lock(), &primary)
    }

    /// The node on which a topic is followed. `None` if it is not.
    ///
    /// # Errors
    /// No server has its slot.
    pub(super) fn place(&self, topic: &str) -> Result<Option<Place>, RedisFault> {
        let channel = self.keys.channel(topic);
        let place = {
            let state = self.state.lock();
            let Some(followed) = state.followed.get(channel.as_str()) else { return Ok(None) };
            followed.place.borrow().clone()
        };
        match place {
            Some(place) => Ok(Some(place)),
            None => Err(self.shards.primary(&channel).map_or_else(|fault| fault, |_| self.moving())),
        }
    }

    /// The error while a topic is between two servers.
    fn moving(&self) -> RedisFault {
        RedisFault::unreachable(self.shards.place(), "the topic is moved to another shard")
    }

    /// Follows a topic, and brings its log in step.
    pub(super) async fn follow(self: &Arc<Self>, tail: Tail, deadline: Instant) -> Result<Following, RedisFault> {
        let (following, mut places) = self.add(tail);
        loop {
            let place = places.borrow_and_update().clone();
            if let Some(Place { node, topic }) = &place
                && is_heard(topic, &mut places, deadline).await
            {
                match sync(&**node, topic, deadline).await {
                    Ok(()) => return Ok(following),
                    Err(fault) if !may_pass(&fault) || Instant::now() + MOVE_PAUSE >= deadline => return Err(fault),
                    Err(_) => sleep(MOVE_PAUSE).await,
                }
            } else if place.is_none() && timeout_at(deadline, places.changed()).await.is_err() {
                return Err(self.moving());
            }
            // Closed if the topic was followed anew.
            if Instant::now() >= deadline || places.has_changed().is_err() {
                return Err(place.map_or_else(|| self.moving(), |place| place.node.away()));
            }
        }
    }

    /// Follows a topic on the server that has its slot. The receiver has the current place, and notifies of moves.
    pub(super) fn add(self: &Arc<Self>, tail: Tail) -> (Following, watch::Receiver<Option<Place>>) {
        let channel: Arc<str> = self.keys.channel(tail.topic()).into();
        let mut state = self.state.lock();
        state.count += 1;
        let number = state.count;
        let mut followed = Followed { number, tail, place: watch::Sender::new(None), activation: None };
        self.put(&mut state, &channel, &mut followed);
        let places = followed.place.subscribe();
        state.followed.insert(Arc::clone(&channel), followed);
        drop(state);
        (Following { cluster: Arc::downgrade(self), channel, number }, places)
    }

    /// Follows a topic on the primary that has its slot. Returns false if it is followed there already.
    fn put(&self, state: &mut State, channel: &str, followed: &mut Followed) -> bool {
        let node = self.shards.primary(channel).and_then(|primary| self.node_at(state, &primary)).ok();
        let is_there = followed.place.borrow().as_ref().map(|place| &place.node).map(Arc::as_ptr);
        if is_there == node.as_ref().map(Arc::as_ptr) {
            return false;
        }
        // Left there first: what the former server says counts no more.
        followed.activation = None;
        let place = node.map(|node| {
            let activation = node.active.add(channel.to_owned(), followed.tail.clone());
            let topic = Arc::clone(&activation.topic);
            followed.activation = Some(activation);
            Place { node, topic }
        });
        if let Some(former) = followed.place.send_replace(place) {
            // The right to run the feed is given by the new server, which notifies those that have asked it.
            former.topic.is_lead_free.notify_waiters();
        }
        true
    }

    /// The node of a server.
    ///
    /// # Errors
    /// The hub is closed, and has not used the server.
    fn node_at(&self, state: &mut State, address: &Address) -> Result<Arc<Node>, RedisFault> {
        if let Some(running) = state.nodes.get(address) {
            return Ok(Arc::clone(&running.node));
        }
        if state.is_closed {
            return Err(RedisFault::unreachable(self.shards.place(), "the hub is closed"));
        }
        let shard = Shard { shards: Arc::clone(&self.shards), address: address.clone() };
        let commands = self.shards.commands_at(address);
        let (options, names) = (self.options.clone(), Arc::clone(&self.names));
        let node = Arc::new(Node::new(options, self.cache, commands.clone(), names, Some(shard)));
        let deadline = Instant::now() + self.options.connect_timeout;
        let checking = self.runtime.spawn(async move {
            if let Ok(connection) = commands.connection(deadline).await {
                check_settings(&connection, deadline).await;
            }
        });
        let listener = self.runtime.spawn(listen(Arc::downgrade(&node), None));
        let tasks = [checking.abort_handle(), listener.abort_handle()];
        state.nodes.insert(address.clone(), Running { node: Arc::clone(&node), tasks });
        Ok(node)
    }

    /// Whether what is published arrives from all servers that this process uses.
    pub(super) fn is_ready(&self) -> bool {
        let nodes: Vec<_> = self.state.lock().nodes.values().map(|running| Arc::clone(&running.node)).collect();
        let is_ready = nodes.iter().all(|node| node.health.is_ready() || node.health.is_new());
        self.readiness.set(is_ready);
        is_ready
    }

    /// Ends the tasks, and opens no connection any more. Rights to run feeds are given up on those that are open.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.nodes.values().for_each(Running::stop);
        let followed = std::mem::take(&mut state.followed);
        drop(state);
        drop(followed);
        self.shards.close();
    }

    /// Reads the map, and moves topics whose slots are on other servers now.
    pub(super) async fn renew(&self) -> Result<(), RedisFault> {
        let is_changed = self.shards.read().await?;
        self.move_topics(is_changed);
        Ok(())
    }

    /// Moves topics whose slots are on other servers now.
    pub(super) fn move_topics(&self, is_changed: bool) {
        let mut state = self.state.lock();
        // Before topics are put: a server that has lost all slots and has got some again has new connections.
        state.nodes.retain(|address, running| {
            self.shards.has(address) && running.node.commands.is(&self.shards.commands_at(address))
        });
        let (mut followed, mut moved) = (std::mem::take(&mut state.followed), 0);
        for (channel, followed) in &mut followed {
            // Most reads change nothing.
            let is_due = is_changed || followed.place.borrow().as_ref().is_none_or(|place| !state.runs(&place.node));
            moved += usize::from(is_due && self.put(&mut state, channel, followed));
        }
        state.followed = followed;
        drop(state);
        if is_changed {
            let shards = self.shards.count();
            tracing::info!(target: "touka::topic", shards, moved, "slots of the cluster are on other servers now");
        }
    }
}

/// Waits until the subscription to the channel of a topic is confirmed. Returns false at the deadline, and when the topic is
/// moved.
async fn is_heard(topic: &ActiveTopic, places: &mut watch::Receiver<Option<Place>>, deadline: Instant) -> bool {
    let mut heard = topic.is_heard.subscribe();
    let (mut heard, mut moved) = (pin!(heard.wait_for(|heard| *heard)), pin!(places.changed()));
    let either = poll_fn(|cx| {
        if let Poll::Ready(heard) = heard.as_mut().poll(cx) {
            return Poll::Ready(heard.is_ok());
        }
        moved.as_mut().poll(cx).map(|_| false)
    });
    timeout_at(deadline, either).await.unwrap_or(false)
}

/// Whether a command that has failed with this fault may succeed later, on this server or on another one.
pub(super) fn may_pass(fault: &RedisFault) -> bool {
    fault.is_elsewhere() || fault.kind() == FaultKind::Unreachable
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cluster").field(&self.shards).finish()
    }
}
