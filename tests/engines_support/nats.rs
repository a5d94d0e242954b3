//! A NATS server that is killed, paused, rolled back and loses its store.

use std::io::ErrorKind;

use futures_util::FutureExt;
use support::NatsServer;
use tokio::net::TcpStream;

/// Publishes to the stream, and returns the sequence number that the message got.
async fn publish(server: &NatsServer) -> u64 {
    let acknowledged = server.request("orders.new", "hello").await;
    let json: serde_json::Value = serde_json::from_str(&acknowledged).expect("an acknowledgement");
    json["seq"].as_u64().unwrap_or_else(|| panic!("{acknowledged}"))
}

async fn create_stream(server: &NatsServer) {
    let created = server
        .request("$JS.API.STREAM.CREATE.orders", r#"{"name":"orders","subjects":["orders.*"],"storage":"file"}"#)
        .await;
    assert!(!created.contains("error"), "{created}");
}

#[tokio::test]
async fn a_killed_nats_keeps_its_store_and_its_port() {
    let mut server = NatsServer::start().await;
    create_stream(&server).await;
    assert_eq!(publish(&server).await, 1);
    server.kill();
    let refused = TcpStream::connect(server.address()).await.expect_err("the server is dead");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.start_again().await;
    assert_eq!(publish(&server).await, 2);
    server.stop().await;
    server.start_again().await;
    assert_eq!(publish(&server).await, 3);
}

#[tokio::test]
async fn a_nats_is_rolled_back_or_loses_its_store() {
    let mut server = NatsServer::start().await;
    create_stream(&server).await;
    assert_eq!(publish(&server).await, 1);
    let store = server.save().await;
    assert_eq!(publish(&server).await, 2);
    server.roll_back(&store).await;
    assert_eq!(publish(&server).await, 2);
    server.lose_store().await;
    create_stream(&server).await;
    assert_eq!(publish(&server).await, 1);
}

#[tokio::test]
async fn a_paused_nats_answers_when_it_is_resumed() {
    let server = NatsServer::start_with("max_payload: 100").await;
    server.pause().await;
    let mut waiting = std::pin::pin!(server.request("$JS.API.INFO", ""));
    assert!(waiting.as_mut().now_or_never().is_none(), "a stopped process answered");
    server.resume().await;
    assert!(waiting.await.contains("streams"));
}

#[tokio::test]
async fn a_subject_without_a_stream_is_an_error() {
    let server = NatsServer::start().await;
    let request = std::panic::AssertUnwindSafe(server.request("orders.new", "hello"));
    request.catch_unwind().await.expect_err("no stream has the subject");
}
