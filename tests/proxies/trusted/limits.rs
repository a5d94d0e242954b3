//! Limits on connections behind the PROXY protocol.

use std::time::Duration;

use support::{Client, within};

use super::{LOCAL, PATIENCE, V2, behind, running, with_header};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_limit_applies_to_the_named_client() {
    let (server, _) = running(behind().proxy_protocol(true).max_connections_per_peer(1)).await;
    let (one, told) = with_header(&server, V2, "/open").await;
    assert!(!told);
    assert!(with_header(&server, V2, "/open").await.1);
    let (_other, told) = with_header(&server, b"PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n", "/open").await;
    assert!(!told);
    // Health checks count for no client.
    let mut checks = Vec::new();
    for _ in 0..3 {
        let (check, told) = with_header(&server, LOCAL, "/open").await;
        assert!(!told);
        checks.push(check);
    }
    drop(one);
    while with_header(&server, V2, "/open").await.1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A response over the limit takes one of 64 connections for a moment, and one client cannot use all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_cannot_use_all_connections_over_the_limit() {
    let (server, _) = running(behind().proxy_protocol(true).max_connections(1)).await;
    let (_held, told) = with_header(&server, LOCAL, "/open").await;
    assert!(!told);
    // One client may have two of the 64. These clients keep theirs, since they send no request.
    let mut silent = Vec::new();
    let fills = async {
        loop {
            let mut client = Client::connect_from("127.0.0.1", server.address).await;
            client.send(V2).await;
            silent.push(client);
            let mut asks = Client::connect_from("127.0.0.1", server.address).await;
            asks.send([V2, b"GET /open HTTP/1.1\r\nhost: test\r\n\r\n"].concat()).await;
            if asks.rest().await.unwrap_or_default().is_empty() {
                return;
            }
        }
    };
    within(PATIENCE, "a connection without a response", fills).await;
    assert!(with_header(&server, b"PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n", "/open").await.1);
    drop(silent);
}

/// Before its header has arrived, a connection counts as well, and does not delay a shutdown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_proxies_are_limited_and_delay_no_shutdown() {
    let hour = Duration::from_hours(1);
    let server = behind().proxy_protocol(true).max_connections(1).head_timeout(hour).shutdown_timeout(hour);
    let (mut server, _) = running(server).await;
    let mut silent = Vec::new();
    // One that is served, and 64 that would get a response over the limit.
    for _ in 0..65 {
        silent.push(Client::connect_from("127.0.0.1", server.address).await);
    }
    let late = Client::connect_from("127.0.0.1", server.address).await;
    assert_eq!(within(PATIENCE, "the connection is closed", late.rest()).await.expect("a clean end"), b"");
    server.stop();
    server.stopped(PATIENCE).await;
}
