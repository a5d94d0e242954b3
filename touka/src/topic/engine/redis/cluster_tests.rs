//! Tests of [`Cluster`] and of the other tasks of a hub, and of their end.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use redis::Value;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::cluster::Cluster;
use super::connector::Connector;
use super::listener::listen;
use super::node::Node;
use super::nodes::Nodes;
use super::options::Redis;
use super::reconnect::Commands;
use super::shards::Shards;
use super::slot_view::View;
use super::target::Address;
use super::test_server::TestServer;
use crate::topic::cache::Cache;
use crate::topic::encoded::Draft;
use crate::topic::engine::shared::attempts::MAX_PUBLISHES;
use crate::topic::engine::shared::leading::lead;
use crate::topic::engine::{EngineTopic, Tail};
use crate::topic::event_keys::EventKeys;
use crate::topic::retention::Retention;
use crate::topic::shared_log::SharedLog;

/// Longer than any test takes.
const LONG: Duration = Duration::from_hours(1);

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn address(port: u16) -> Address {
    Address::Tcp { host: "127.0.0.1".into(), port }
}

/// A view in which one server has all slots.
fn view(port: u16, epoch: u64) -> View {
    let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    let primary = Value::Array(vec![bulk("127.0.0.1"), Value::Int(port.into()), bulk(&format!("id{port}"))]);
    let slots = Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(16383), primary])]);
    let nodes = bulk(&format!("id{port} 127.0.0.1:{port}@1 myself,master - 0 0 {epoch} connected 0-16383\n"));
    View::parse(&slots, &nodes, &address(port)).unwrap()
}

/// A cluster that has asked a server, which does not answer any more.
fn cluster(port: u16) -> Arc<Cluster> {
    let url = format!("redis://127.0.0.1:{port},127.0.0.1:{port}");
    let options = Redis::new(url).connect_timeout(LONG).publish_timeout(LONG);
    let shards = Shards::new(Arc::new(Connector::new(&options).unwrap()));
    shards.update(&view(port, 1));
    Arc::new(Cluster::new(shards, options, Cache::new()))
}

/// A server that reads no data, and its port.
async fn silent_server() -> (TcpListener, u16) {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = server.local_addr().unwrap().port();
    (server, port)
}

fn log() -> (Arc<SharedLog>, Tail) {
    let log = Arc::new(SharedLog::new("topic", Retention::new()));
    let tail = Tail::new(&log, &Arc::default());
    (log, tail)
}

/// Waits until a condition holds.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, holds).await.is_ok(), "{what}");
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// The messages of the former server end, and the new one may give the right sooner than the wait is over.
#[tokio::test]
async fn waiters_for_a_lead_are_woken_by_a_move() {
    let ((_first, first), (_second, second)) = (silent_server().await, silent_server().await);
    let cluster = cluster(first);
    let (_log, tail) = log();
    let (_following, places) = cluster.add(tail);
    let former = places.borrow().clone().unwrap();
    let mut is_free = pin!(former.topic.is_lead_free.notified());
    cluster.move_topics(true);
    assert!(is_free.as_mut().now_or_never().is_none(), "the topic is where it was");
    cluster.shards().update(&view(first, 1));
    cluster.shards().update(&view(second, 2));
    cluster.move_topics(true);
    let place = cluster.place("topic").unwrap().unwrap();
    assert!(!Arc::ptr_eq(&place.node, &former.node), "the topic is moved");
    assert!(is_free.now_or_never().is_some(), "the waiter asks the new server");
    cluster.close();
}

/// The slot of a topic moves to a server that has no turn left, while an event is published.
#[tokio::test]
async fn a_publish_that_moves_on_gives_back_its_turn() {
    let ((_first, first), (_second, second)) = (silent_server().await, silent_server().await);
    let cluster = cluster(first);
    let keeper = tokio::spawn(std::future::pending::<()>()).abort_handle();
    let nodes = Nodes::Cluster { cluster: Arc::clone(&cluster), keeper };
    let former = cluster.node("topic").unwrap();
    let publishing = tokio::spawn(async move {
        let ((log, _), epochs, draft) = (log(), Arc::default(), Draft::of("x").unwrap());
        let topic = EngineTopic { log: &log, epochs: &epochs };
        nodes.publish(topic, &draft, EventKeys::default()).await.map(drop)
    });
    eventually("a turn", || former.publishes.available_permits() == MAX_PUBLISHES - 1).await;
    cluster.shards().update(&view(second, 2));
    let next = cluster.node("topic").unwrap();
    let turns = next.publishes.try_acquire_many(MAX_PUBLISHES.try_into().unwrap()).unwrap();
    eventually("a turn that is given back", || former.publishes.available_permits() == MAX_PUBLISHES).await;
    drop(turns);
    eventually("a turn", || next.publishes.available_permits() == MAX_PUBLISHES - 1).await;
    publishing.abort();
    cluster.close();
}

/// A message that the right is free may have come while the node was not subscribed.
#[tokio::test]
async fn waiters_for_a_lead_are_woken_by_a_subscription() {
    let server = TestServer::start();
    let options = Redis::new(server.url());
    let commands = Commands::new(Arc::new(Connector::new(&options).unwrap()));
    let node = Arc::new(Node::new(options, Cache::new(), commands, Node::new_names(), None));
    let listener = tokio::spawn(listen(Arc::downgrade(&node), None));
    let (_log, tail) = log();
    let activation = node.active.add(node.keys.channel("topic"), tail);
    for _ in 0..2 {
        let is_free = activation.topic.is_lead_free.notified();
        assert!(timeout(PATIENCE, is_free).await.is_ok(), "a new subscription");
        server.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    }
    listener.abort();
}

#[tokio::test]
async fn a_closed_cluster_runs_and_connects_nothing() {
    let ((server, first), (other, second)) = (silent_server().await, silent_server().await);
    let cluster = cluster(first);
    let (_log, tail) = log();
    let (_following, mut places) = cluster.add(tail);
    let node = cluster.node("topic").unwrap();
    let commands = node.commands.clone();
    let waiting = tokio::spawn(async move { commands.connection(Instant::now() + LONG).await.map(drop) });
    // For the listener, and for commands.
    let _connections = [server.accept().await.unwrap(), server.accept().await.unwrap()];
    cluster.close();
    let fault = timeout(PATIENCE, waiting).await.expect("an error at once").unwrap().unwrap_err();
    assert!(fault.to_string().contains("the hub is closed"), "{fault}");
    assert!(places.changed().await.is_err(), "the topic is not followed any more");
    eventually("the end of all tasks", || tasks() == 0).await;

    // A server that was not used before.
    cluster.shards().update(&view(second, 2));
    let fault = cluster.node("topic").unwrap_err();
    assert!(fault.to_string().contains("the hub is closed"), "{fault}");
    let commands = cluster.shards().commands_at(&address(second));
    assert!(commands.connection(Instant::now() + PATIENCE).await.is_err());
    cluster.move_topics(true);
    assert_eq!(tasks(), 0);
    assert!(other.accept().now_or_never().is_none(), "no connection");
}

/// The right to run a feed is dropped last. It is given up on the connection that is open, and no other one is opened.
#[tokio::test]
async fn a_closed_hub_gives_up_its_leads() {
    let server = TestServer::start_in_cluster_mode();
    server.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    eventually("a cluster", || server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    let one = TestServer::start();
    let urls = [format!("{},127.0.0.1:{}", server.url(), server.port()), one.url()];
    for (server, url) in [&server, &one].into_iter().zip(urls) {
        let nodes = Arc::new(Nodes::connect(Redis::new(url), Cache::new()).await.unwrap());
        assert_eq!(matches!(*nodes, Nodes::Cluster { .. }), server.port() != one.port());
        let right = lead(&nodes, "topic").await;
        let key = nodes.keys().lead("topic");
        assert_eq!(server.cli(&["EXISTS", &key]).trim(), "1");
        nodes.close();
        drop(nodes);
        drop(right);
        eventually("a right that is given up", || server.cli(&["EXISTS", &key]).trim() == "0").await;
        eventually("the end of all tasks", || tasks() == 0).await;
    }

    let nodes = Arc::new(Nodes::connect(Redis::new(one.url()), Cache::new()).await.unwrap());
    let right = lead(&nodes, "topic").await;
    nodes.close();
    let Nodes::One { node, .. } = &*nodes else { panic!("one server has all topics") };
    let commands = node.commands.clone();
    one.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    let is_lost = async {
        while commands.connection(Instant::now() + LONG).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, is_lost).await.expect("a connection that is not replaced");
    drop((nodes, right));
    eventually("the end of all tasks", || tasks() == 0).await;
}
