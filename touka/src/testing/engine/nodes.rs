//! [`Nodes`], the hubs of processes that share the engine under test.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Event, Hub, Topic};

/// The engine under test, as seen by the processes that share it.
///
/// ```
/// use std::future::Future;
/// use touka::Hub;
/// use touka::testing::{Nodes, check_engine};
///
/// /// A hub in memory belongs to one process.
/// struct Memory(Hub);
///
/// impl Nodes for Memory {
///     async fn node(&self) -> Hub {
///         self.0.clone()
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// check_engine(&Memory(Hub::memory())).await;
/// # });
/// ```
pub trait Nodes: Sync {
    /// Returns the hub of another process. All returned hubs share their topics.
    fn node(&self) -> impl Future<Output = Hub> + Send;
}

/// A topic that no other check uses, as two processes see it.
pub(super) async fn topic_on_two(nodes: &impl Nodes) -> (Topic, Topic) {
    let (a, b) = (nodes.node().await, nodes.node().await);
    let name = fresh_name();
    (topic(&a, &name), topic(&b, &name))
}

/// The name of a topic that no other check uses.
pub(super) fn fresh_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("check/{}/{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn topic(hub: &Hub, name: &str) -> Topic {
    hub.topic::<Event>(name).expect("a topic")
}
