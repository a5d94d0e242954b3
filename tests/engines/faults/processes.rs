//! [`Processes`]: nodes in processes of their own, which are stopped, continued, ended and killed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use support::{Process, RedisServer, ReservedPort};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use super::connection::Access;
use super::position::Position;
use super::record::{Outcome, Record};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-node-fixture");

/// The time without a byte after which clients and publishers take a node for stopped. On a busy machine, a node may be
/// silent for some time.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);

/// The time for the end of a node that was asked to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nodes in processes of their own.
pub(crate) struct Processes {
    url: String,
    ports: Vec<ReservedPort>,
    /// `None` for a node that does not run.
    running: Vec<Option<Process>>,
}

impl Processes {
    pub(crate) async fn start(redis: &RedisServer, nodes: usize) -> Self {
        let ports = (0..nodes).map(|_| ReservedPort::new()).collect();
        let mut processes = Self { url: redis.url(), ports, running: (0..nodes).map(|_| None).collect() };
        for node in 0..nodes {
            processes.start_again(node).await;
        }
        processes
    }

    pub(crate) async fn start_again(&mut self, node: usize) {
        let address = self.ports[node].address.to_string();
        self.running[node] = Some(Process::start(PROGRAM, &[&address, &self.url]).await);
    }

    /// Sends a signal, such as `STOP`.
    pub(crate) async fn signal(&self, node: usize, name: &str) {
        self.running[node].as_ref().expect("a node that runs").signal(name).await;
    }

    /// Kills a node with SIGKILL.
    pub(crate) async fn kill(&mut self, node: usize) {
        self.signal(node, "KILL").await;
        self.running[node].take().expect("a node that runs").ended(PATIENCE).await;
    }

    /// Ends a node with SIGTERM, as a deployment does.
    pub(crate) async fn end(&mut self, node: usize) {
        self.signal(node, "TERM").await;
        let status = self.running[node].take().expect("a node that runs").ended(PATIENCE).await;
        assert!(status.success(), "{status}");
    }

    fn addresses(&self) -> Arc<[SocketAddr]> {
        self.ports.iter().map(|port| port.address).collect()
    }

    /// Pauses the feeds of all nodes that run.
    pub(crate) async fn pause_feeds(&self) {
        for node in self.running.iter().flatten() {
            let request = "POST /pause HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n";
            post(node.address, request).await.expect("a response");
        }
    }

    /// The access of clients, which move on after this time of silence. With the path `/fed`, they bring a feed.
    pub(crate) fn access(&self, path: &'static str, silence: Option<Duration>) -> Access {
        Access::Servers { nodes: self.addresses(), path, silence }
    }

    /// A publisher that begins with this node.
    pub(crate) fn publisher(&self, node: usize) -> Publisher {
        Publisher { addresses: self.addresses(), node }
    }
}

/// A publisher that tries one node after the other, until its event is known to be published.
pub(crate) struct Publisher {
    addresses: Arc<[SocketAddr]>,
    node: usize,
}

impl Publisher {
    /// Publishes the next number once.
    pub(crate) async fn publish(&self, record: &Record, topic: &str) -> Outcome {
        let publish = async |number: u64| {
            let text = format!("{number} ");
            let request = format!(
                "POST /publish?topic={topic}&key={number} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            );
            let mut node = self.node;
            loop {
                let address = self.addresses[node % self.addresses.len()];
                if let Some(id) = timeout(2 * SILENCE, post(address, &request)).await.ok().flatten() {
                    return Outcome::Acknowledged(Position::parse(&id));
                }
                node += 1;
                sleep(Duration::from_millis(20)).await;
            }
        };
        record.publish_by(self.node, topic, publish).await
    }
}

/// The text of a response with the status 200.
async fn post(address: SocketAddr, request: &str) -> Option<String> {
    let mut client = support::Client::try_connect_small(address, 8192).await.ok()?;
    client.socket.write_all(request.as_bytes()).await.ok()?;
    let (head, text) = client.try_response().await.ok()?;
    (head.status() == 200).then_some(text)
}
