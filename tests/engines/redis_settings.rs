//! The configuration of Redis in docs/scaling.md. The rules for a user are enough for a hub, which needs each of them.

use std::time::Duration;

use support::{RedisCluster, RedisOptions, RedisServer, fragments};
use touka::testing::{Nodes, check_engine};
use touka::topic::Retention;
use touka::{Event, Hub};

const PAGE: &str = include_str!("../../docs/scaling.md");

/// Processes that log in as the user of the page.
struct Restricted(String);

impl Nodes for Restricted {
    async fn node(&self) -> Hub {
        Hub::redis(self.0.as_str()).await.expect("a Redis")
    }
}

/// Uses the commands that the suite does not need.
async fn use_the_rest(nodes: &Restricted) {
    let hub = nodes.node().await;
    let topic = hub.topic::<Event>("kept").expect("a topic");
    topic.set_retention(Retention::new().age(Duration::MAX).bytes(20));
    for _ in 0..3 {
        topic.publish("0123456789").await.expect("published");
    }
}

/// The block of the page that begins with this text.
fn block(start: &str) -> &'static str {
    let blocks = fragments(PAGE, "text");
    blocks.into_iter().find(|block| block.starts_with(start)).unwrap_or_else(|| panic!("the page has no {start}"))
}

#[tokio::test]
async fn redis_accepts_the_settings_of_the_page() {
    let settings = block("appendonly").lines();
    let redis = settings.fold(RedisServer::options(), RedisOptions::config).start().await;
    assert_eq!(redis.info("aof_enabled").await.as_deref(), Some("1"));
    assert_eq!(redis.info("maxmemory_policy").await.as_deref(), Some("noeviction"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_of_the_page_are_enough_and_all_needed() {
    let redis = RedisServer::start().await;
    let rules: Vec<_> = block("ACL SETUSER").split_whitespace().collect();
    redis.command(&rules).await;
    let nodes = Restricted(redis.url().replacen("redis://", "redis://touka:secret@", 1));
    check_engine(&nodes).await;
    use_the_rest(&nodes).await;

    let log = redis.command(&["ACL", "LOG"]).await;
    assert!(log.list().is_empty(), "commands were denied: {log:?}");
    for command in rules.iter().filter_map(|rule| rule.strip_prefix('+')) {
        let calls = redis.info(&format!("cmdstat_{command}")).await;
        assert!(calls.is_some(), "{command} was not called");
    }
}

/// In a cluster, a user needs two commands more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_of_the_page_are_enough_in_a_cluster() {
    let cluster = RedisCluster::start().await;
    let rules = block("ACL SETUSER").split_whitespace().chain(["+cluster|slots", "+cluster|nodes"]).collect::<Vec<_>>();
    assert!(PAGE.contains("`+cluster|slots +cluster|nodes`"), "the page names the commands");
    for server in &cluster.servers {
        server.command(&rules).await;
    }
    let nodes = Restricted(cluster.url().replacen("redis://", "redis://touka:secret@", 1));
    check_engine(&nodes).await;
    use_the_rest(&nodes).await;
    for server in &cluster.servers {
        let log = server.command(&["ACL", "LOG"]).await;
        assert!(log.list().is_empty(), "commands were denied: {log:?}");
    }
}
