//! A Redis server that is killed, stopped, paused, rolled back and replicated.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use support::{Fsync, RedisConnection, RedisServer, Reply, eventually};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_mins(1);

async fn set(server: &RedisServer, value: &str) {
    server.command(&["SET", "key", value]).await;
}

async fn get(server: &RedisServer) -> Option<String> {
    let reply = server.command(&["GET", "key"]).await;
    (reply != Reply::Nil).then(|| reply.text().to_owned())
}

#[tokio::test]
async fn replies_of_every_kind_are_read() {
    let server = RedisServer::start().await;
    assert_eq!(server.command(&["PING"]).await.text(), "PONG");
    assert_eq!(server.command(&["INCR", "n"]).await.number(), 1);
    assert_eq!(server.command(&["GET", "nothing"]).await, Reply::Nil);
    assert_eq!(server.command(&["BLPOP", "nothing", "0.01"]).await, Reply::Nil);
    let nested = server.command(&["EVAL", "return {1, {'a\\r\\nb', ''}, redis.error_reply('E x')}", "0"]).await;
    let inner = Reply::List(vec![Reply::Text("a\r\nb".into()), Reply::Text("".into())]);
    assert_eq!(nested.list(), [Reply::Number(1), inner, Reply::Error("E x".to_owned())]);
    let error = server.try_command(&["GET"]).await.expect_err("an argument is missing");
    assert!(error.to_string().contains("wrong number of arguments"), "{error}");
}

#[tokio::test]
async fn a_password_is_required_and_sent() {
    let server = RedisServer::options().password("secret").start().await;
    set(&server, "a").await;
    assert_eq!(server.url(), format!("redis://:secret@{}", server.address()));
    let mut stranger = RedisConnection::open(server.address(), None).await.expect("connect");
    let error = stranger.command(&["GET", "key"]).await.expect_err("no password");
    assert!(error.to_string().starts_with("NOAUTH"), "{error}");
}

#[tokio::test]
async fn lines_of_the_configuration_are_used() {
    let line = "client-output-buffer-limit pubsub 65536 32768 7";
    let server = RedisServer::options().config(line).config("maxmemory-policy noeviction").start().await;
    let limit = server.command(&["CONFIG", "GET", "client-output-buffer-limit"]).await;
    assert!(limit.list()[1].text().ends_with("pubsub 65536 32768 7"), "{limit:?}");
}

#[tokio::test]
async fn a_killed_server_refuses_until_it_starts_again() {
    let mut server = RedisServer::options().append_log(Fsync::Always).start().await;
    set(&server, "a").await;
    let mut connection = server.connect().await.expect("connect");
    server.kill();
    connection.command(&["PING"]).await.expect_err("the server is dead");
    let refused = TcpStream::connect(server.address()).await.expect_err("the server is dead");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.start_again().await;
    assert_eq!(get(&server).await.as_deref(), Some("a"));
}

/// Without an append log, only a stop or a save writes the data.
#[tokio::test]
async fn a_kill_loses_what_no_snapshot_has() {
    let mut server = RedisServer::start().await;
    set(&server, "a").await;
    server.stop().await;
    server.start_again().await;
    set(&server, "b").await;
    server.kill();
    server.start_again().await;
    assert_eq!(get(&server).await.as_deref(), Some("a"));
    set(&server, "c").await;
    server.save().await;
    server.kill();
    server.start_again().await;
    assert_eq!(get(&server).await.as_deref(), Some("c"));
}

#[tokio::test]
async fn a_server_is_rolled_back_to_a_snapshot() {
    for options in [RedisServer::options(), RedisServer::options().append_log(Fsync::EverySecond)] {
        let mut server = options.start().await;
        set(&server, "a").await;
        let snapshot = server.save().await;
        set(&server, "b").await;
        server.save().await;
        server.roll_back(&snapshot).await;
        assert_eq!(get(&server).await.as_deref(), Some("a"));
        // The append log goes on from there.
        set(&server, "c").await;
        server.stop().await;
        server.start_again().await;
        assert_eq!(get(&server).await.as_deref(), Some("c"));
    }
}

#[tokio::test]
async fn a_paused_redis_answers_when_it_is_resumed() {
    let server = RedisServer::start().await;
    let mut connection = server.connect().await.expect("connect");
    server.pause().await;
    connection.send(&["PING"]).await.expect("the kernel takes it");
    assert!(futures_util::FutureExt::now_or_never(connection.next()).is_none(), "a stopped process answered");
    server.resume().await;
    assert_eq!(connection.next().await.expect("a reply").text(), "PONG");
}

#[tokio::test]
async fn subscribers_can_be_killed_alone() {
    let server = RedisServer::start().await;
    let mut subscriber = server.connect().await.expect("connect");
    subscriber.command(&["SUBSCRIBE", "channel"]).await.expect("subscribe");
    let mut other = server.connect().await.expect("connect");
    server.command(&["PUBLISH", "channel", "news"]).await;
    assert_eq!(subscriber.next().await.expect("a message").list()[2].text(), "news");
    assert_eq!(server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.number(), 1);
    subscriber.next().await.expect_err("the connection was killed");
    assert_eq!(other.command(&["PING"]).await.expect("a reply").text(), "PONG");
}

#[tokio::test]
async fn a_replica_catches_up_and_is_promoted() {
    let options = RedisServer::options().password("secret");
    let mut primary = options.clone().start().await;
    set(&primary, "a").await;
    let replica = options.replica_of(&primary).start().await;
    replica.catches_up_with(&primary).await;
    assert_eq!(get(&replica).await.as_deref(), Some("a"));
    set(&primary, "b").await;
    replica.catches_up_with(&primary).await;
    assert_eq!(get(&replica).await.as_deref(), Some("b"));
    primary.kill();
    replica.command(&["REPLICAOF", "NO", "ONE"]).await;
    set(&replica, "c").await;
}

#[tokio::test]
async fn a_replica_that_lags_applies_nothing_until_unlag() {
    let primary = RedisServer::start().await;
    let replica = RedisServer::options().replica_of(&primary).start().await;
    replica.catches_up_with(&primary).await;
    replica.lag().await;
    set(&primary, "a").await;
    // `qbuf` counts the bytes that the replica has read and not applied.
    let pending = async || {
        let clients = replica.command(&["CLIENT", "LIST", "TYPE", "master"]).await;
        !clients.text().contains(" qbuf=0 ")
    };
    eventually(PATIENCE, "received by the replica", pending).await;
    assert_eq!(get(&replica).await, None);
    assert_eq!(replica.info("master_link_status").await.as_deref(), Some("up"));
    replica.unlag().await;
    replica.catches_up_with(&primary).await;
    assert_eq!(get(&replica).await.as_deref(), Some("a"));
}

#[tokio::test]
async fn a_dropped_server_leaves_no_process_and_no_folder() {
    let server = RedisServer::start().await;
    let id = server.info("process_id").await.expect("an id");
    let dir = server.command(&["CONFIG", "GET", "dir"]).await.list()[1].text().to_owned();
    assert!(Path::new(&dir).exists() && Path::new("/proc").join(&id).exists(), "{dir} {id}");
    let address = server.address();
    server.pause().await;
    drop(server);
    assert!(!Path::new(&dir).exists(), "{dir}");
    assert!(!Path::new("/proc").join(&id).exists(), "process {id}");
    TcpStream::connect(address).await.expect_err("the port is free");
}
