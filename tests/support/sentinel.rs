//! A real Redis primary, its replica, and three Sentinels that promote the replica.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;

use crate::daemon::Daemon;
use crate::folder::Folder;
use crate::redis::{RedisOptions, RedisServer};
use crate::reserved_port::ReservedPort;
use crate::resp::{Reply, ask};
use crate::wait::eventually;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The milliseconds without an answer after which a server counts as down, while no failure is expected. A
/// busy machine must not promote a replica that the test did not ask for.
const CALM: &str = "60000";

/// Like [`CALM`], after a test has taken the primary down.
const ALERT: &str = "500";

/// The periods of the Sentinels in milliseconds; by default they are seconds. The last two are for a busy
/// machine: after a pause of two seconds Sentinels would do nothing for 30 s (`tilt`). The period of pings
/// keeps its default: Sentinels promote only a replica that has answered within five periods.
const PERIODS: &[&str] = &[
    "info-period 100",
    "ask-period 100",
    "publish-period 100",
    "election-timeout 2000",
    "tilt-trigger 60000",
    "tilt-period 100",
];

/// Two Redis servers that swap roles, and three Sentinels that watch them. All are killed when this is
/// dropped.
///
/// A replica is promoted only after [`kill_primary`](Self::kill_primary) or
/// [`pause_primary`](Self::pause_primary), however busy the machine is.
#[derive(Debug)]
pub struct Sentinels {
    processes: [Sentinel; 3],
    servers: [RedisServer; 2],
    /// The index of the primary.
    primary: usize,
    /// Whether the replica lags.
    lags: bool,
}

impl Sentinels {
    /// The name of the primary for Sentinels.
    pub const NAME: &str = "touka";

    /// Starts all with the default options of Redis.
    pub async fn start() -> Self {
        Self::start_with(&RedisServer::options()).await
    }

    /// Starts all, and waits until the replica has the primary's data and the Sentinels know each other. Both
    /// servers have these options.
    ///
    /// # Panics
    /// redis-server or redis-sentinel is not installed, or rejects the configuration.
    pub async fn start_with(options: &RedisOptions) -> Self {
        let primary = options.clone().start().await;
        let replica = options.clone().replica_of(&primary).start().await;
        replica.catches_up_with(&primary).await;
        let start = || Sentinel::start(primary.address(), options.password.as_deref());
        let (one, two, three) = tokio::join!(start(), start(), start());
        let processes = [one, two, three];
        for sentinel in &processes {
            let is_ready = async || {
                let state = sentinel.state().await;
                let has = |field, count| state.get(field).is_some_and(|value| *value == count);
                has("num-other-sentinels", "2") && has("num-slaves", "1")
            };
            eventually(PATIENCE, "Sentinels that know each other", is_ready).await;
        }
        Self { processes, servers: [primary, replica], primary: 0, lags: false }
    }

    /// The addresses of the Sentinels.
    pub fn addresses(&self) -> [SocketAddr; 3] {
        self.processes.each_ref().map(|sentinel| sentinel.port.address)
    }

    /// The address of the primary, as the first Sentinel tells clients.
    pub async fn primary_address(&self) -> SocketAddr {
        self.processes[0].primary().await
    }

    /// The primary. During a failover this is the old one, until [`promoted`](Self::promoted) returns.
    pub fn primary(&self) -> &RedisServer {
        &self.servers[self.primary]
    }

    /// The other server: the replica, or the former primary that is down.
    pub fn replica(&self) -> &RedisServer {
        &self.servers[1 - self.primary]
    }

    /// Makes the replica [lag](RedisServer::lag) until the next failover, in which it loses what is written
    /// from now on.
    pub async fn lag(&mut self) {
        self.lags = true;
        self.replica().lag().await;
    }

    /// Kills the primary and waits for the promotion of the replica: afterwards
    /// [`primary`](Self::primary) is the server that was the replica.
    pub async fn fail_over(&mut self) {
        self.kill_primary().await;
        self.promoted().await;
    }

    /// Kills the primary, which makes the Sentinels promote the replica soon.
    pub async fn kill_primary(&mut self) {
        self.servers[self.primary].kill();
        self.expect_promotion().await;
    }

    /// Pauses the primary, which makes the Sentinels promote the replica soon. After its
    /// [`resume`](RedisServer::resume) the former primary takes writes as a second primary, until a Sentinel
    /// makes it a replica.
    pub async fn pause_primary(&mut self) {
        self.primary().pause().await;
        self.expect_promotion().await;
    }

    /// Lets the Sentinels notice that the primary is down.
    async fn expect_promotion(&mut self) {
        if self.lags {
            // With its connection to the primary the replica drops what it has not applied. From then on it has
            // to answer: Sentinels write to it, and would believe that it is down.
            self.replica().command(&["CLIENT", "KILL", "TYPE", "master"]).await;
            self.replica().unlag().await;
            self.lags = false;
        }
        self.down_after(ALERT).await;
    }

    /// Waits until all Sentinels agree that the replica is the primary.
    ///
    /// # Panics
    /// This takes more than a minute.
    pub async fn promoted(&mut self) {
        let next = self.replica();
        next.until_info("role", "master").await;
        for sentinel in &self.processes {
            let agrees = async || sentinel.primary().await == next.address();
            eventually(PATIENCE, "Sentinels that agree on a primary", agrees).await;
        }
        self.primary = 1 - self.primary;
        self.down_after(CALM).await;
    }

    /// Starts the former primary again after it was killed, and waits until it is a replica with the data of
    /// the primary.
    pub async fn bring_back(&mut self) {
        self.servers[1 - self.primary].start_again().await;
        self.rejoined().await;
    }

    /// Waits until the former primary is a replica with the data of the primary.
    ///
    /// # Panics
    /// This takes more than a minute.
    pub async fn rejoined(&self) {
        let ports = [self.replica(), self.primary()].map(|server| server.address().port().to_string());
        for sentinel in &self.processes {
            // Each Sentinel that has seen two primaries makes one a replica, and closes its connections.
            let has_seen = async || {
                let replicas = sentinel.replicas().await;
                let mut replicas = replicas.iter();
                replicas.any(|replica| [&replica["port"], &replica["master-port"]] == [&ports[0], &ports[1]])
            };
            eventually(PATIENCE, "Sentinels that know the replica", has_seen).await;
        }
        self.replica().catches_up_with(self.primary()).await;
    }

    async fn down_after(&self, milliseconds: &str) {
        let command = ["SENTINEL", "SET", Self::NAME, "down-after-milliseconds", milliseconds];
        join_all(self.processes.iter().map(|sentinel| sentinel.command(&command))).await;
    }
}

#[derive(Debug)]
struct Sentinel {
    // The process ends before its folder is removed: fields are dropped in this order.
    _daemon: Daemon,
    _folder: Folder,
    port: ReservedPort,
}

impl Sentinel {
    async fn start(primary: SocketAddr, password: Option<&str>) -> Self {
        let (folder, port) = (Folder::new(), ReservedPort::new());
        let (name, address) = (Sentinels::NAME, port.address);
        let mut lines = vec![
            format!("bind {}", address.ip()),
            format!("port {}", address.port()),
            format!("dir {}", folder.path("")),
            format!("sentinel monitor {name} {} {} 2", primary.ip(), primary.port()),
            format!("sentinel down-after-milliseconds {name} {CALM}"),
            format!("sentinel failover-timeout {name} 1000"),
        ];
        lines.extend(password.map(|password| format!("sentinel auth-pass {name} {password}")));
        // Sentinel writes to its configuration what it learns.
        let file = folder.path("sentinel.conf");
        std::fs::write(&file, lines.join("\n") + "\n").expect("write the configuration");
        let mut daemon = Daemon::new("redis-sentinel", &[&file], folder.path("sentinel.log"));
        daemon.start(async || ask(address, None, &["PING"]).await.is_ok()).await;
        let sentinel = Self { _daemon: daemon, _folder: folder, port };
        let periods = PERIODS.iter().flat_map(|period| period.split(' '));
        sentinel.command(&["SENTINEL", "DEBUG"].into_iter().chain(periods).collect::<Vec<_>>()).await;
        sentinel
    }

    async fn command(&self, words: &[&str]) -> Reply {
        ask(self.port.address, None, words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    async fn primary(&self) -> SocketAddr {
        let reply = self.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Sentinels::NAME]).await;
        let [host, port] = reply.list() else { panic!("not an address: {reply:?}") };
        format!("{}:{}", host.text(), port.text()).parse().expect("an address")
    }

    /// The properties of the primary, as this Sentinel knows it.
    async fn state(&self) -> HashMap<String, String> {
        properties(&self.command(&["SENTINEL", "MASTER", Sentinels::NAME]).await)
    }

    /// The properties of the replicas, as this Sentinel knows them.
    async fn replicas(&self) -> Vec<HashMap<String, String>> {
        let reply = self.command(&["SENTINEL", "REPLICAS", Sentinels::NAME]).await;
        reply.list().iter().map(properties).collect()
    }
}

/// The names and values of a flat list.
fn properties(reply: &Reply) -> HashMap<String, String> {
    let (pairs, _) = reply.list().as_chunks();
    pairs.iter().map(|[name, value]| (name.text().to_owned(), value.text().to_owned())).collect()
}
