//! [`Nodes`], the node that keeps a topic: the only one, or one of a cluster.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::cluster::{Cluster, MOVE_PAUSE, Place, may_pass};
use super::connector::Connector;
use super::fault::{FaultKind, RedisFault};
use super::keep_map::keep_map;
use super::keys::Keys;
use super::listener::listen;
use super::node::Node;
use super::options::Redis;
use super::reconnect::Commands;
use super::requirements::{ask_for_slots, check_settings};
use super::shards::Shards;
use super::target::Address;
use crate::topic::cache::Cache;
use crate::topic::engine::EngineTopic;
use crate::topic::engine::Lease;
use crate::topic::engine::shared::sync::{Source as _, sync};

/// The node that keeps a topic.
#[derive(Debug)]
pub(super) enum Nodes {
    /// One server has all topics.
    One {
        node: Arc<Node>,
        listener: AbortHandle,
    },
    Cluster {
        cluster: Arc<Cluster>,
        keeper: AbortHandle,
    },
}

impl Nodes {
    /// Connects, and checks whether the server is suitable.
    pub(super) async fn connect(options: Redis, cache: Cache) -> Result<Self, RedisFault> {
        let connector = Arc::new(Connector::new(&options)?);
        if connector.is_of_cluster() {
            return Self::connect_to_cluster(connector, options, cache).await;
        }
        let commands = Commands::new(Arc::clone(&connector));
        let deadline = Instant::now() + options.connect_timeout;
        let connection = match commands.connection(deadline).await {
            Ok(connection) => connection,
            // A replica of a cluster knows the primaries.
            Err(fault) if fault.kind() == FaultKind::Unsuitable => {
                let cluster = Self::connect_to_cluster(connector, options, cache).await;
                return cluster.ok().filter(|cluster| cluster.shards() > 1).ok_or(fault);
            }
            Err(fault) => return Err(fault),
        };
        if check_settings(&connection, deadline).await {
            let unknown = Address::Tcp { host: String::new(), port: 0 };
            let seed = connector.seeds().first();
            let shards = match ask_for_slots(&connection, seed.unwrap_or(&unknown), deadline).await {
                Ok(view) => view.shards(),
                // A user who may not ask can use one shard.
                Err(fault) if fault.kind() == FaultKind::Refused => 1,
                Err(fault) => return Err(fault),
            };
            if shards > 1 && seed.is_none() {
                return Err(RedisFault::unsuitable(
                    connection.place(),
                    &format!("it is one of {shards} shards of a cluster"),
                    "name servers of the cluster with redis://host,host",
                ));
            }
            if shards > 1 {
                return Self::connect_to_cluster(connector, options, cache).await;
            }
            tracing::warn!(
                target: "touka::topic", redis = connection.place(),
                "Redis is in cluster mode, with one shard: name several of its servers in the URL, and it may get more shards"
            );
        }
        let listening = connector.listen().await?;
        let node = Arc::new(Node::new(options, cache, commands, Node::new_names(), None));
        let listener = tokio::spawn(listen(Arc::downgrade(&node), Some(listening))).abort_handle();
        Ok(Self::One { node, listener })
    }

    async fn connect_to_cluster(connector: Arc<Connector>, options: Redis, cache: Cache) -> Result<Self, RedisFault> {
        if connector.database() != 0 {
            return Err(RedisFault::unsuitable(
                connector.place(),
                "a cluster of several shards has the database 0 only, as touka uses it",
                "leave the database out of the URL",
            ));
        }
        let shards = Shards::new(connector);
        shards.read().await?;
        let cluster = Arc::new(Cluster::new(shards, options, cache));
        let keeper = tokio::spawn(keep_map(Arc::downgrade(&cluster))).abort_handle();
        Ok(Self::Cluster { cluster, keeper })
    }

    /// Ends the tasks, and opens no connection any more.
    pub(super) fn close(&self) {
        match self {
            Self::One { node, listener } => {
                listener.abort();
                node.commands.close();
            }
            Self::Cluster { cluster, keeper } => {
                keeper.abort();
                cluster.close();
            }
        }
    }

    fn shards(&self) -> usize {
        match self {
            Self::One { .. } => 1,
            Self::Cluster { cluster, .. } => cluster.shards().count(),
        }
    }

    pub(super) fn options(&self) -> &Redis {
        match self {
            Self::One { node, .. } => &node.options,
            Self::Cluster { cluster, .. } => cluster.options(),
        }
    }

    pub(super) fn keys(&self) -> &Keys {
        match self {
            Self::One { node, .. } => &node.keys,
            Self::Cluster { cluster, .. } => cluster.keys(),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::One { node, .. } => node.health.is_ready(),
            Self::Cluster { cluster, .. } => cluster.is_ready(),
        }
    }

    /// The node of the server that keeps a topic.
    pub(super) fn of(&self, topic: &str) -> Result<Arc<Node>, RedisFault> {
        match self {
            Self::One { node, .. } => Ok(Arc::clone(node)),
            Self::Cluster { cluster, .. } => cluster.node(topic),
        }
    }

    /// The node on which a topic is followed. `None` if it is not.
    pub(super) fn place(&self, topic: &str) -> Result<Option<Place>, RedisFault> {
        match self {
            Self::One { node, .. } => {
                let active = node.active.get(&node.keys.channel(topic));
                Ok(active.map(|topic| Place { node: Arc::clone(node), topic }))
            }
            Self::Cluster { cluster, .. } => cluster.place(topic),
        }
    }

    /// Follows a topic, and brings its log in step.
    pub(super) async fn follow(&self, topic: EngineTopic<'_>) -> Result<Lease, RedisFault> {
        let deadline = Instant::now() + self.options().connect_timeout;
        let node = match self {
            Self::One { node, .. } => node,
            Self::Cluster { cluster, .. } => return Ok(Lease::new(cluster.follow(topic.tail(), deadline).await?)),
        };
        let activation = node.active.add(node.keys.channel(topic.name()), topic.tail());
        let mut heard = activation.topic.is_heard.subscribe();
        // The subscription comes before the read, so that no event is missed between the two.
        match timeout_at(deadline, heard.wait_for(|heard| *heard)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return Err(node.away()),
        }
        drop(heard);
        sync(&**node, &activation.topic, deadline).await?;
        Ok(Lease::new(activation))
    }

    /// Waits before an operation is repeated, because its keys are on another server now. Returns the fault if it is another
    /// one, or if there is no time left.
    pub(super) async fn wait_for_move(&self, fault: RedisFault, deadline: Instant) -> Result<(), RedisFault> {
        if matches!(self, Self::One { .. }) || !may_pass(&fault) || Instant::now() + MOVE_PAUSE >= deadline {
            return Err(fault);
        }
        sleep(MOVE_PAUSE).await;
        Ok(())
    }

    /// Sends a command with this key, which may be sent twice.
    pub(super) async fn ask(&self, command: &Cmd, key: &str, timeout: Duration) -> Result<Value, RedisFault> {
        let deadline = Instant::now() + timeout;
        loop {
            let commands = match self {
                Self::One { node, .. } => Ok(node.commands.clone()),
                Self::Cluster { cluster, .. } => cluster.shards().commands_of(key),
            };
            let reply = match commands {
                Ok(commands) => commands.run(command, deadline).await,
                Err(fault) => Err(fault),
            };
            match reply {
                Ok(reply) => return Ok(reply),
                Err(fault) => self.wait_for_move(fault, deadline).await?,
            }
        }
    }
}
