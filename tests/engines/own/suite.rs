//! The suite of the test kit, on an engine that is written with the public contract only.

use touka::Hub;
use touka::testing::{Nodes, TestCluster, check_engine};
use touka::topic::Cache;

use super::store::Store;

/// Hubs that share a store, with a cache of this size.
struct OnStore(Store, Cache);

impl Nodes for OnStore {
    async fn node(&self) -> Hub {
        Hub::builder().cache(self.1).engine(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_an_engine_of_its_own() {
    check_engine(&OnStore(Store::default(), Cache::new())).await;
}

/// Clients get most events from the store, not from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_an_engine_of_its_own_with_small_caches() {
    check_engine(&OnStore(Store::default(), Cache::new().events(3).total_bytes(2000))).await;
}

/// The engine of the test kit.
struct OnTestCluster(TestCluster, Cache);

impl Nodes for OnTestCluster {
    async fn node(&self) -> Hub {
        self.0.start_with(Hub::builder().cache(self.1)).hub().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_test_cluster() {
    check_engine(&OnTestCluster(TestCluster::new(), Cache::new())).await;
    check_engine(&OnTestCluster(TestCluster::new(), Cache::new().events(3).total_bytes(2000))).await;
}
