//! Clients named by headers, and their limits.

use std::time::Duration;

use http::Version;
use support::{Client, Visitor, until};
use touka::Server;
use touka::server::ClientHeader;

use super::{PATIENCE, behind, client_address, running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_counts_only_from_a_trusted_proxy() {
    let (server, _) = running(behind()).await;
    for (headers, client) in [
        ("x-forwarded-for: 203.0.113.7\r\n", "203.0.113.7:0"),
        ("x-forwarded-for: 1.2.3.4, 203.0.113.7:99, 127.0.0.1\r\n", "203.0.113.7:99"),
        ("x-forwarded-for: 1.2.3.4\r\nX-Forwarded-For: 2001:db8::7\r\n", "[2001:db8::7]:0"),
        // Only one kind of header is read: the other one may be the client's own.
        ("forwarded: for=1.2.3.4\r\nx-forwarded-for: 203.0.113.7\r\n", "203.0.113.7:0"),
        ("x-forwarded-for: 10.0.0.7\r\n", "10.0.0.7:0"),
    ] {
        assert_eq!(client_address(&server, "127.0.0.1", headers).await, client, "{headers}");
        assert!(client_address(&server, "127.0.0.2", headers).await.starts_with("127.0.0.2:"), "{headers}");
    }
    for headers in ["", "forwarded: for=1.2.3.4\r\n", "x-forwarded-for: unknown\r\n"] {
        assert!(client_address(&server, "127.0.0.1", headers).await.starts_with("127.0.0.1:"), "{headers}");
    }
    let refused = client_address(&server, "127.0.0.1", "x-forwarded-for: 1.2.3.4, <me>\r\n").await;
    assert_eq!(refused, "the request's X-Forwarded-For header has no valid address\n");

    let (server, _) = running(behind().client_header(ClientHeader::Forwarded)).await;
    let headers = "x-forwarded-for: 1.2.3.4\r\nforwarded: for=5.6.7.8;x=\", for=\"[2001:db8::7]:80\";proto=https\r\n";
    assert_eq!(client_address(&server, "127.0.0.1", headers).await, "[2001:db8::7]:80");
    assert!(client_address(&server, "127.0.0.2", headers).await.starts_with("127.0.0.2:"));

    // By default no proxy is trusted, wherever it is.
    let (server, _) = running(Server::new()).await;
    assert!(client_address(&server, "127.0.0.1", headers).await.starts_with("127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_on_one_connection_of_a_proxy_are_counted_separately() {
    let (server, handle) = running(behind().max_streams_per_peer(1).max_connections_per_peer(1)).await;
    for version in [Version::HTTP_2, Version::HTTP_11] {
        // A limit on connections would apply to the proxy.
        let mut proxies =
            [Visitor::connect(server.address, version).await, Visitor::connect(server.address, version).await];
        let event_source = |client| [("accept", "text/event-stream"), ("x-forwarded-for", client)];
        let one = proxies[0].get("/open", &event_source("10.0.0.7")).await;
        let told = proxies[1].get("/open", &event_source("10.0.0.7")).await;
        assert_eq!((one.header("content-length"), told.header("content-length").is_some()), (None, true));
        drop(told.text().await);
        let other = proxies[1].get("/open", &event_source("10.0.0.8")).await;
        assert_eq!(other.header("content-length"), None);
        let peers: Vec<_> =
            handle.streams().iter().map(|stream| stream.peer().expect("a client").to_string()).collect();
        assert_eq!(peers, ["10.0.0.7:0", "10.0.0.8:0"]);
        drop((proxies, one, other));
        until(PATIENCE, "the clients have disconnected", || handle.count() == 0).await;
    }
}

/// A provider gives a customer a /64, a /56 or a /48, and each has many addresses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ipv6_customer_has_one_limit_per_network() {
    let (server, _) = running(behind().max_streams_per_peer(1)).await;
    let mut proxy = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut held = Vec::new();
    for (client, has_place) in [
        ("2001:db8::1", true),
        ("2001:db8::2", false),
        // Of the same /56, which may have 4 streams.
        ("2001:db8:0:1::1", true),
        ("2001:db8:0:2::1", true),
        ("2001:db8:0:ff::1", true),
        ("2001:db8:0:3::1", false),
        // Of the same /48, and of another one.
        ("2001:db8:0:100::1", true),
        ("2001:db8:1::1", true),
    ] {
        let answer = proxy.get("/open", &[("accept", "text/event-stream"), ("x-forwarded-for", client)]).await;
        assert_eq!(answer.header("content-length").is_none(), has_place, "{client}");
        held.push(answer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_stream_has_the_clients_address_and_limit() {
    let (server, handle) = running(behind().max_streams_per_peer(1)).await;
    let ask = async |client: &str| {
        let mut asks = Client::connect_from("127.0.0.1", server.address).await;
        asks.send(format!(
            "GET /topic HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\nx-forwarded-for: {client}\r\n\r\n"
        ))
        .await;
        (asks.head().await.header("content-length").is_some(), asks)
    };
    let (told, parked) = ask("203.0.113.7").await;
    assert!(!told);
    until(PATIENCE, "the stream is open", || handle.count() == 1).await;
    let stream = handle.streams().remove(0);
    assert!(stream.is_parked());
    assert_eq!(stream.peer().expect("a client").to_string(), "203.0.113.7:0");
    assert!(ask("203.0.113.7").await.0);
    assert!(!ask("203.0.113.8").await.0);
    drop(parked);
    while ask("203.0.113.7").await.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
