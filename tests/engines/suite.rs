//! The suite of the test kit, on each engine in good health.

use support::{Folder, NatsCluster, NatsRelease, NatsServer, RedisCluster, RedisServer};
use touka::Hub;
use touka::testing::{Nodes, check_engine};
use touka::topic::{Cache, Nats, Redis};

use crate::faults::nats_replicas::cluster;

/// One process.
struct Alone(Hub);

impl Nodes for Alone {
    async fn node(&self) -> Hub {
        self.0.clone()
    }
}

/// Processes that share a Redis, with a cache of this size.
struct OnRedis<'a>(&'a RedisServer, Cache);

impl Nodes for OnRedis<'_> {
    async fn node(&self) -> Hub {
        Hub::builder().cache(self.1).redis(Redis::new(self.0.url())).await.expect("a Redis")
    }
}

/// Processes that share several Redis servers, each of which has a part of the topics.
struct OnShards<'a>(&'a RedisCluster);

impl Nodes for OnShards<'_> {
    async fn node(&self) -> Hub {
        Hub::redis(self.0.url()).await.expect("a cluster")
    }
}

/// Processes that share a NATS server, with a cache of this size.
struct OnNats<'a>(&'a NatsServer, Cache);

impl Nodes for OnNats<'_> {
    async fn node(&self) -> Hub {
        Hub::builder().cache(self.1).nats(self.0.url()).await.expect("a NATS server")
    }
}

/// Processes that share three NATS servers, each of which has all events.
struct OnReplicas<'a>(&'a NatsCluster);

impl Nodes for OnReplicas<'_> {
    async fn node(&self) -> Hub {
        Hub::nats(Nats::new(self.0.url()).replicas(3)).await.expect("NATS servers")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    check_engine(&Alone(Hub::memory())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_file() {
    let folder = Folder::new();
    check_engine(&Alone(Hub::open(folder.path("events")).expect("a file"))).await;
}

/// Clients get most events from the file, not from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_file_with_a_small_cache() {
    let folder = Folder::new();
    let small = Cache::new().events(3).total_bytes(2000);
    check_engine(&Alone(Hub::builder().cache(small).open(folder.path("events")).expect("a file"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis() {
    let redis = RedisServer::start().await;
    check_engine(&OnRedis(&redis, Cache::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_valkey() {
    let valkey = RedisServer::options().valkey().start().await;
    check_engine(&OnRedis(&valkey, Cache::new())).await;
}

/// Clients get most events from Redis, not from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_with_small_caches() {
    let redis = RedisServer::start().await;
    check_engine(&OnRedis(&redis, Cache::new().events(3).total_bytes(2000))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_redis_cluster() {
    let cluster = RedisCluster::start().await;
    check_engine(&OnShards(&cluster)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_valkey_cluster() {
    let cluster = RedisCluster::start_with(&RedisServer::options().valkey(), 3, 0).await;
    check_engine(&OnShards(&cluster)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats() {
    let nats = NatsServer::start().await;
    check_engine(&OnNats(&nats, Cache::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_newest_nats() {
    let nats = NatsServer::of(NatsRelease::Newest).await;
    check_engine(&OnNats(&nats, Cache::new())).await;
}

/// Clients get most events from NATS, not from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_nats_with_small_caches() {
    let nats = NatsServer::start().await;
    check_engine(&OnNats(&nats, Cache::new().events(3).total_bytes(2000))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_replicated_nats() {
    let cluster = cluster(NatsRelease::Debian).await;
    check_engine(&OnReplicas(&cluster)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_newest_replicated_nats() {
    let cluster = cluster(NatsRelease::Newest).await;
    check_engine(&OnReplicas(&cluster)).await;
}
