//! Tests of [`Commands`] against a redis-server that goes away.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::{Instant, sleep};

use super::connector::Connector;
use super::fault::{FaultKind, Outcome, RedisFault};
use super::options::Redis;
use super::reconnect::Commands;
use super::test_server::{Port, TestServer, sentinel};

fn commands(url: impl Into<Redis>) -> Commands {
    Commands::new(Arc::new(Connector::new(&url.into()).unwrap()))
}

fn within(millis: u64) -> Instant {
    Instant::now() + Duration::from_millis(millis)
}

fn cmd(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(*word);
    }
    command
}

async fn incr(commands: &Commands, deadline: Instant) -> Result<Value, RedisFault> {
    commands.run(&cmd(&["INCR", "n"]), deadline).await
}

async fn client_id(commands: &Commands) -> Value {
    commands.run(&cmd(&["CLIENT", "ID"]), within(5000)).await.unwrap()
}

#[tokio::test]
async fn a_command_waits_for_a_server_that_restarts() {
    let mut server = TestServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let commands = commands(server.url());
    assert_eq!(incr(&commands, within(5000)).await.unwrap(), Value::Int(1));
    server.kill();
    let fault = incr(&commands, within(300)).await.unwrap_err();
    if fault.outcome() == Outcome::Unknown {
        // The end of the connection had not been noticed. Now it has.
        let fault = incr(&commands, within(300)).await.unwrap_err();
        assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Unreachable, Outcome::NotExecuted), "{fault}");
    }
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let commands = commands.clone();
            tokio::spawn(async move { incr(&commands, within(20_000)).await })
        })
        .collect();
    sleep(Duration::from_millis(100)).await;
    server.restart();
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    assert_eq!(incr(&commands, within(5000)).await.unwrap(), Value::Int(12), "each was executed once");
    assert_eq!(client_id(&commands).await, client_id(&commands).await, "they share one connection");
}

#[tokio::test]
async fn an_error_comes_at_the_deadline_while_redis_is_away() {
    let dead = Port::new();
    let commands = commands(format!("redis://127.0.0.1:{}", dead.number()));
    let start = Instant::now();
    let fault = incr(&commands, within(400)).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Unreachable, Outcome::NotExecuted), "{fault}");
    assert!(start.elapsed() >= Duration::from_millis(399), "{:?}", start.elapsed());
    assert!(fault.to_string().contains("refused"), "{fault}");
}

#[tokio::test]
async fn an_error_that_waiting_does_not_help_comes_at_once() {
    let server = TestServer::start_with(&["--requirepass", "correct"]);
    let commands = commands(format!("redis://:wrong@127.0.0.1:{}", server.port()));
    for _ in 0..2 {
        let start = Instant::now();
        let fault = incr(&commands, within(20_000)).await.unwrap_err();
        assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Refused, Outcome::NotExecuted), "{fault}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_is_waited_for() {
    let (server, other) = (TestServer::start(), TestServer::start());
    let commands = commands(server.url());
    incr(&commands, within(5000)).await.unwrap();
    let before = client_id(&commands).await;
    let demote = cmd(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]);
    commands.run(&demote, within(5000)).await.unwrap();
    let fault = incr(&commands, within(5000)).await.unwrap_err();
    assert_eq!((fault.code(), fault.outcome()), (Some("READONLY"), Outcome::NotExecuted), "{fault}");
    let fault = incr(&commands, within(300)).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Unsuitable, "{fault}");

    let waiting = tokio::spawn({
        let commands = commands.clone();
        async move { incr(&commands, within(20_000)).await }
    });
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    waiting.await.unwrap().unwrap();
    assert_ne!(client_id(&commands).await, before);
}

#[tokio::test]
async fn a_failover_leads_to_the_new_primary() {
    let mut primary = TestServer::start();
    let replica = TestServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", primary.port())]);
    let sentinel = sentinel(primary.port(), "sentinel down-after-milliseconds main 500");
    let commands = commands(format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port));
    incr(&commands, within(5000)).await.unwrap();
    let wait = cmd(&["WAIT", "1", "10000"]);
    assert_eq!(commands.run(&wait, within(15_000)).await.unwrap(), Value::Int(1), "the replica follows");
    while !sentinel.cli(&["SENTINEL", "REPLICAS", "main"]).contains(&replica.port().to_string()) {
        sleep(Duration::from_millis(100)).await;
    }
    primary.kill();
    let deadline = within(60_000);
    let value = loop {
        match incr(&commands, deadline).await {
            Ok(value) => break value,
            // The publisher decides whether to send it again: the first fault may be an unknown outcome.
            Err(fault) => assert!(Instant::now() < deadline, "{fault}"),
        }
    };
    assert_eq!(value, Value::Int(2));
    let place = commands.connection(deadline).await.unwrap().place().to_owned();
    assert!(place.starts_with(&format!("127.0.0.1:{}", replica.port())), "{place}");
}

#[tokio::test]
async fn a_connection_without_replies_is_replaced() {
    let server = TestServer::start();
    let commands = commands(server.url());
    let before = client_id(&commands).await;
    let block = cmd(&["BLPOP", "list", "0"]);
    let fault = commands.run(&block, within(200)).await.unwrap_err();
    assert_eq!((fault.kind(), fault.outcome()), (FaultKind::Timeout, Outcome::Unknown));
    // A short deadline says little about the connection.
    let fault = commands.run(&block, within(1100)).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Timeout);
    let mut both = redis::pipe();
    both.cmd("CLIENT").arg("ID").cmd("PING");
    let replies = commands.connection(within(5000)).await.unwrap().run_all(&both, within(5000)).await.unwrap();
    assert_ne!(replies[0], before);
    assert_eq!(replies[1], Value::SimpleString("PONG".into()));
}

/// The connection and the task that opens one belong to the runtime of the call that needed it.
#[test]
fn another_runtime_opens_a_connection_of_its_own() {
    let server = TestServer::start();
    let commands = commands(server.url());
    for expected in 1..=2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let value = runtime.block_on(incr(&commands, within(5000))).unwrap();
        assert_eq!(value, Value::Int(expected));
    }
    // The runtime ends while the task waits for its next attempt.
    drop(server);
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let fault = runtime.block_on(incr(&commands, within(200))).unwrap_err();
        assert!(fault.to_string().contains("refused"), "{fault}");
    }
}
