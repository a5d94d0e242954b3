//! [`TestCluster`], hubs that share their topics, and [`TestNode`], one of them.

use std::time::Duration;

use super::node_engine::NodeEngine;
use super::store::Store;
use crate::topic::{Hub, HubBuilder};

/// The hubs of several processes in one test, which share their topics as on a server. They live in the memory of the test,
/// so its clock can be paused.
///
/// A node [crashes](TestNode::crash) when the test says so, as by `kill -9`: nothing that it was about to write is written, and the
/// others learn of its death only by the end of its leases. A node that is [started](Self::start) later is a new process, or
/// the same one after a restart.
///
/// ```
/// use std::time::Duration;
/// use touka::run::RunStatus;
/// use touka::testing::TestCluster;
/// use touka::Emitter;
///
/// // #[tokio::test(start_paused = true)]
/// async fn an_answer_whose_server_dies_is_lost() {
///     let cluster = TestCluster::new();
///     let (first, second) = (cluster.start(), cluster.start());
///     let run = first.hub().run("answers/7").unwrap();
///     run.start_or_join(|out: Emitter| async move {
///         out.emit("a word").await;
///         std::future::pending::<()>().await;
///     })
///     .await
///     .unwrap();
///
///     let elsewhere = second.hub().run("answers/7").unwrap();
///     assert_eq!(elsewhere.status().await.unwrap(), RunStatus::Running);
///     first.crash();
///     // Ten seconds of the paused clock, the time of a lease.
///     assert_eq!(elsewhere.wait().await.unwrap(), RunStatus::Lost);
/// }
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// #     .block_on(an_answer_whose_server_dies_is_lost());
/// ```
#[derive(Clone, Debug)]
pub struct TestCluster {
    store: Store,
}

/// The time for which the leases of a node count that has crashed, as on Redis and NATS.
const LEASE: Duration = Duration::from_secs(10);

impl TestCluster {
    /// Creates a cluster without nodes and topics. Leases count for 10 s after their node has crashed.
    #[must_use]
    pub fn new() -> Self {
        Self::with_lease(LEASE)
    }

    /// Creates a cluster whose leases count for this long after their node has crashed. With [`Duration::ZERO`], it is like a
    /// file that is opened again.
    #[must_use]
    pub fn with_lease(lease: Duration) -> Self {
        Self { store: Store::new(lease) }
    }

    /// Starts a node, whose hub has the default settings.
    #[must_use]
    pub fn start(&self) -> TestNode {
        self.start_with(Hub::builder())
    }

    /// Starts a node, whose hub has these settings.
    #[must_use]
    pub fn start_with(&self, settings: HubBuilder) -> TestNode {
        let (store, node) = (self.store.clone(), self.store.add_node());
        let hub = settings.engine(NodeEngine { store: store.clone(), node });
        TestNode { hub, store, node }
    }
}

impl Default for TestCluster {
    fn default() -> Self {
        Self::new()
    }
}

/// One node of a [`TestCluster`]. Dropping it does not end it.
#[derive(Debug)]
pub struct TestNode {
    hub: Hub,
    store: Store,
    node: u64,
}

impl TestNode {
    /// The hub of this node.
    #[must_use]
    pub const fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Ends the node at once: its streams end, the bodies of its runs and feeds are dropped at their awaits when they are next
    /// polled, and nothing of it reaches the other nodes any more. Unlike by a signal, destructors run.
    pub fn crash(self) {
        self.store.crash(self.node);
        self.hub.close();
    }
}
