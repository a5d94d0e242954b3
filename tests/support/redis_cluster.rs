//! Redis servers that divide their keys among them.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::redis::{RedisOptions, RedisServer};
use crate::reserved_port::ReservedPort;
use crate::resp::Reply;
use crate::wait::eventually;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The milliseconds without an answer after which a server counts as down, while no failure is expected.
const CALM: &str = "60000";

/// Like [`CALM`], after a test has taken a server down.
const ALERT: &str = "1000";

/// The number of slots of a cluster.
const SLOTS: usize = 16384;

/// A Redis cluster of several primaries, which may have replicas. All servers are killed when this is dropped.
///
/// A replica is promoted only after [`alert`](Self::alert), however busy the machine is.
#[derive(Debug)]
pub struct RedisCluster {
    /// The servers, of which each may be killed, paused and started again: first the primaries, then their replicas.
    pub servers: Vec<RedisServer>,
    /// The ports on which the servers talk to each other.
    buses: Vec<ReservedPort>,
}

impl RedisCluster {
    /// Starts three primaries that share the slots equally.
    ///
    /// # Panics
    /// redis-server is not installed.
    pub async fn start() -> Self {
        Self::start_with(&RedisServer::options(), 3, 0).await
    }

    /// Starts primaries that share the slots equally, of which the first ones have a replica each.
    ///
    /// # Panics
    /// The server is not installed, or rejects the configuration.
    pub async fn start_with(options: &RedisOptions, primaries: usize, replicas: usize) -> Self {
        let (mut servers, mut buses) = (Vec::new(), Vec::new());
        for _ in 0..primaries + replicas {
            let bus = ReservedPort::new();
            let lines = [
                "cluster-enabled yes".to_owned(),
                format!("cluster-port {}", bus.address.port()),
                format!("cluster-node-timeout {CALM}"),
                // The other shards go on while one is down.
                "cluster-require-full-coverage no".to_owned(),
                "cluster-replica-validity-factor 0".to_owned(),
            ];
            servers.push(lines.iter().fold(options.clone(), |options, line| options.config(line)).start().await);
            buses.push(bus);
        }
        let cluster = Self { servers, buses };
        cluster.form(primaries).await;
        cluster
    }

    async fn form(&self, primaries: usize) {
        for (index, server) in self.servers.iter().enumerate() {
            // Equal epochs would have to be resolved first.
            server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).await;
            if index < primaries {
                let [first, next] = [index, index + 1].map(|index| index * SLOTS / primaries);
                server.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(next - 1).to_string()]).await;
            }
        }
        for (server, bus) in self.servers.iter().zip(&self.buses).skip(1) {
            let [port, bus] = [server.address(), bus.address].map(|address| address.port().to_string());
            let meet = ["CLUSTER", "MEET", &server.address().ip().to_string(), &port, &bus];
            self.servers[0].command(&meet).await;
        }
        let count = self.servers.len().to_string();
        for server in &self.servers {
            self.until(server, "servers that know each other", &[("cluster_known_nodes", &count)]).await;
        }
        for (replica, primary) in self.servers[primaries..].iter().zip(&self.servers) {
            let id = primary.command(&["CLUSTER", "MYID"]).await;
            let replicates = async || replica.try_command(&["CLUSTER", "REPLICATE", id.text()]).await.is_ok();
            eventually(PATIENCE, "a replica", replicates).await;
            replica.catches_up_with(primary).await;
        }
        let size = primaries.to_string();
        for server in &self.servers {
            self.until(server, "a cluster", &[("cluster_state", "ok"), ("cluster_size", &size)]).await;
        }
        // All servers know who replicates whom: a primary without a known replica would not be replaced.
        for server in &self.servers {
            let knows = async || {
                let nodes = server.command(&["CLUSTER", "NODES"]).await;
                nodes.text().lines().filter(|line| line.contains("slave")).count() == self.servers.len() - primaries
            };
            eventually(PATIENCE, "a server that knows the replicas", knows).await;
        }
    }

    /// Waits until a server says this of the cluster.
    async fn until(&self, server: &RedisServer, what: &str, fields: &[(&str, &str)]) {
        let holds = async || {
            let Ok(info) = server.try_command(&["CLUSTER", "INFO"]).await else { return false };
            fields.iter().all(|(name, value)| info.text().lines().any(|line| line == format!("{name}:{value}")))
        };
        eventually(PATIENCE, what, holds).await;
    }

    /// The URL of all servers.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.servers.iter().map(|server| server.address().to_string()).collect();
        format!("redis://{}", addresses.join(","))
    }

    /// The slot of a key.
    pub async fn slot(&self, key: &str) -> String {
        let running = self.running().await;
        running.command(&["CLUSTER", "KEYSLOT", key]).await.number().to_string()
    }

    async fn running(&self) -> &RedisServer {
        for server in &self.servers {
            if ask(server, &["PING"]).await.is_some() {
                return server;
            }
        }
        panic!("no server runs")
    }

    /// The number of the server that has a key.
    ///
    /// # Panics
    /// There is none for more than a minute.
    pub async fn owner(&self, key: &str) -> usize {
        for _ in 0..600 {
            for (index, server) in self.servers.iter().enumerate() {
                if ask(server, &["EXISTS", key]).await.is_some() {
                    return index;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("no server has {key}")
    }

    /// Sends a command to the server that has a key, however often the key moves meanwhile.
    ///
    /// # Panics
    /// Another error than that of a move, for more than a minute.
    pub async fn command(&self, key: &str, words: &[&str]) -> Reply {
        for _ in 0..600 {
            if let Some(reply) = ask(&self.servers[self.owner(key).await], words).await {
                return reply;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("{words:?} fails")
    }

    /// Moves the slot of a key to another primary, with all its keys.
    pub async fn move_slot(&self, key: &str, to: usize) {
        let (slot, from) = (self.slot(key).await, self.owner(key).await);
        if from == to {
            return;
        }
        let target_id = self.migrate(&slot, from, to).await;
        // The target first: otherwise no server has the slot for a moment.
        for server in [to, from] {
            self.servers[server].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &target_id]).await;
        }
    }

    /// Like [`move_slot`](Self::move_slot), by commands to all servers: the epoch of the target stays as it is, and may be
    /// lower than that of the former owner.
    ///
    /// # Panics
    /// The target has the slot already.
    pub async fn move_slot_by_hand(&self, key: &str, to: usize) {
        let (slot, from) = (self.slot(key).await, self.owner(key).await);
        assert_ne!(from, to, "the target has the slot");
        let target_id = self.migrate(&slot, from, to).await;
        // The end of an import would give the target a new epoch.
        self.servers[to].command(&["CLUSTER", "SETSLOT", &slot, "STABLE"]).await;
        for server in &self.servers {
            server.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &target_id]).await;
        }
    }

    /// Moves all keys of a slot to another primary. Returns the id of the target.
    async fn migrate(&self, slot: &str, from: usize, to: usize) -> String {
        let (source, target) = (&self.servers[from], &self.servers[to]);
        let id = async |server: &RedisServer| server.command(&["CLUSTER", "MYID"]).await.text().to_owned();
        let (source_id, target_id) = (id(source).await, id(target).await);
        target.command(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &source_id]).await;
        source.command(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &target_id]).await;
        let (host, port) = (target.address().ip().to_string(), target.address().port().to_string());
        loop {
            let keys = source.command(&["CLUSTER", "GETKEYSINSLOT", slot, "10"]).await;
            if keys.list().is_empty() {
                return target_id;
            }
            for key in keys.list() {
                source.command(&["MIGRATE", &host, &port, key.text(), "0", "60000"]).await;
            }
        }
    }

    /// Lets the servers notice soon that one is down, until [`calm`](Self::calm).
    pub async fn alert(&self) {
        self.set_timeout(ALERT).await;
    }

    /// Undoes [`alert`](Self::alert).
    pub async fn calm(&self) {
        self.set_timeout(CALM).await;
    }

    async fn set_timeout(&self, milliseconds: &str) {
        for server in &self.servers {
            // One of them may be down.
            drop(ask(server, &["CONFIG", "SET", "cluster-node-timeout", milliseconds]).await);
        }
    }

    /// Lets a replica take over from its primary, which goes on as a replica. Nothing is lost.
    ///
    /// # Panics
    /// This takes more than a minute.
    pub async fn fail_over(&self, primary: usize, replica: usize) {
        let (primary, replica_id) = (&self.servers[primary], self.servers[replica].command(&["CLUSTER", "MYID"]).await);
        let primary_id = primary.command(&["CLUSTER", "MYID"]).await;
        self.servers[replica].until_info("master_link_status", "up").await;
        // A primary ignores a replica of which it has not heard yet, and the others do not vote for it.
        for server in &self.servers {
            let knows = async || {
                let nodes = server.command(&["CLUSTER", "NODES"]).await;
                let mut lines = nodes.text().lines();
                lines.any(|line| line.starts_with(replica_id.text()) && line.contains(primary_id.text()))
            };
            eventually(PATIENCE, "servers that know a replica", knows).await;
        }
        self.servers[replica].command(&["CLUSTER", "FAILOVER"]).await;
        self.promoted(replica).await;
    }

    /// Waits until a replica was promoted, and all running servers know it.
    ///
    /// # Panics
    /// This takes more than a minute.
    pub async fn promoted(&self, replica: usize) {
        let id = self.servers[replica].command(&["CLUSTER", "MYID"]).await;
        for server in &self.servers {
            let knows = async || {
                let Some(nodes) = ask(server, &["CLUSTER", "NODES"]).await else { return true };
                nodes.text().lines().any(|line| line.starts_with(id.text()) && line.contains("master"))
            };
            eventually(PATIENCE, "a replica that is promoted", knows).await;
        }
    }
}

/// The reply of a server. `None` if it is an error, or if the server is down or paused.
async fn ask(server: &RedisServer, words: &[&str]) -> Option<Reply> {
    timeout(Duration::from_secs(3), server.try_command(words)).await.ok()?.ok()
}
