//! Clients named by the PROXY protocol.

use std::time::Duration;

use http::Version;
use support::{Client, Visitor, until, within};
use tokio::io::AsyncWriteExt;
use touka::server::{ClientHeader, OpenStream};

use super::{LOCAL, PATIENCE, V2, behind, client_address, running, with_header};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_protocol_names_the_client_of_a_connection() {
    let (server, handle) = running(behind().proxy_protocol(true)).await;
    let whoami = "GET /whoami HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 1.2.3.4\r\n\r\n";
    for (header, peer) in [
        (&b"PROXY TCP4 203.0.113.7 127.0.0.1 50812 443\r\n"[..], "203.0.113.7:50812"),
        (b"PROXY TCP6 2001:db8::7 ::1 1 443\r\n", "[2001:db8::7]:1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1:"),
        (V2, "203.0.113.7:50812"),
        (LOCAL, "127.0.0.1:"),
    ] {
        // At once, and byte by byte.
        let mut client = Client::connect_from("127.0.0.1", server.address).await;
        client.send([header, whoami.as_bytes()].concat()).await;
        let named = client.response().await.1;
        assert!(named.starts_with(peer), "{named}");
        let mut client = Client::connect_from("127.0.0.1", server.address).await;
        client.socket.set_nodelay(true).expect("no delay");
        for byte in [header, whoami.as_bytes()].concat() {
            client.send([byte]).await;
        }
        assert!(client.response().await.1.starts_with(peer));
    }
    // HTTP/2 works after the header as well, and so does a parked stream.
    let mut socket = tokio::net::TcpStream::connect(server.address).await.expect("connect");
    socket.write_all(V2).await.expect("send");
    let mut visitor = Visitor::over(socket, Version::HTTP_2).await;
    let stream = visitor.stream("/open").await;
    let (parked, _) = with_header(&server, V2, "/topic").await;
    until(PATIENCE, "both are open", || handle.count() == 2).await;
    let streams = handle.streams();
    assert!(streams.iter().all(|stream| stream.peer().expect("a client").to_string() == "203.0.113.7:50812"));
    assert_eq!(streams.iter().filter(|stream| stream.is_parked()).count(), 1);
    drop((stream, parked));

    // A header from an untrusted peer is not read as one, and is not valid HTTP.
    assert!(client_address(&server, "127.0.0.2", "").await.starts_with("127.0.0.2:"));
    let mut stranger = Client::connect_from("127.0.0.2", server.address).await;
    stranger.send(["PROXY TCP4 203.0.113.7 127.0.0.1 50812 443\r\n", whoami].concat()).await;
    assert_eq!(stranger.head().await.status(), 400);
}

/// A content delivery network behind a load balancer that forwards bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_of_a_proxy_behind_a_proxy_is_read_if_asked_for() {
    let server = behind().trust_proxies(["203.0.113.0/24"]).expect("a network").proxy_protocol(true);
    let (server, _) = running(server.client_header(ClientHeader::XForwardedFor)).await;
    for (edge, client) in [("203.0.113.7", "198.51.100.1:0"), ("192.0.2.1", "192.0.2.1:5")] {
        let mut asks = Client::connect_from("127.0.0.1", server.address).await;
        asks.send(format!("PROXY TCP4 {edge} 127.0.0.1 5 443\r\n")).await;
        asks.send("GET /whoami HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 198.51.100.1\r\n\r\n").await;
        assert_eq!(asks.response().await.1, client);
    }
}

/// The proxy forwards bytes, so the header came from a client whose address is unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_proxy_address_cannot_name_itself() {
    let server = behind().trust_proxies(["unix"]).expect("the word").proxy_protocol(true);
    let (server, handle) = running(server.client_header(ClientHeader::XForwardedFor)).await;
    let (unknown, of_unix) = (&b"PROXY UNKNOWN\r\n"[..], &b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0"[..]);
    let ask = |path| format!("GET {path} HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 203.0.113.7\r\n\r\n");
    for header in [LOCAL, unknown, of_unix] {
        let mut client = Client::connect_from("127.0.0.1", server.address).await;
        client.send([header, ask("/whoami").as_bytes()].concat()).await;
        assert!(client.response().await.1.starts_with("127.0.0.1:"));
        // The same holds after a parked stream, which the server serves by other means.
        client.send(ask("/topic")).await;
        assert_eq!(client.head().await.status(), 200);
        until(PATIENCE, "the stream is open", || handle.count() == 1).await;
        assert_eq!(handle.close(OpenStream::is_parked), 1);
        while client.next().await.expect("a clean end").is_some() {}
        client.send(ask("/whoami")).await;
        assert!(client.response().await.1.starts_with("127.0.0.1:"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_header_without_an_address_closes_the_connection() {
    let (server, handle) = running(behind().proxy_protocol(true).head_timeout(Duration::from_millis(200))).await;
    for begins in [
        &b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"[..],
        b"PROXY TCP4 203.0.113.7 127.0.0.1 50812 443 more\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c012345678901",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02ab",
        // Incomplete headers: the server waits for the rest until a timeout.
        b"PROXY ",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"",
    ] {
        let mut client = Client::connect_from("127.0.0.1", server.address).await;
        client.send(begins).await;
        // Unread bytes turn the close into a reset.
        let rest = within(PATIENCE, "the end", client.rest()).await.unwrap_or_default();
        assert_eq!(String::from_utf8(rest).expect("text"), "");
    }
    assert_eq!(handle.count(), 0);
    let (_, told) = with_header(&server, V2, "/open").await;
    assert!(!told);
}
