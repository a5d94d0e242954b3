//! Behind trusted proxies, a client is who they say it is; nobody else is believed. The proxies here
//! are the test itself: `tests/haproxy.rs` and `tests/nginx.rs` have real ones.

use std::time::Duration;

use http::Version;
use support::{Client, Folder, Running, Visitor, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use touka::extract::{ConnectInfo, State};
use touka::server::{ClientHeader, Handle, Listener, OpenStream};
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// A header of version 2 for 203.0.113.7, with 24 bytes behind its addresses.
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x24\xcb\0\x71\x07\x7f\0\0\x01\xc6\x7c\x01\xbb012345678901234567890123";

/// A health check: the proxy speaks for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[route(GET, "/whoami")]
async fn whoami(client: Option<ConnectInfo>) -> String {
    client.map_or_else(|| "nobody".to_owned(), |ConnectInfo(address)| address.to_string())
}

#[sse_handler]
#[route(GET, "/open")]
async fn open() {
    emit!("here");
    std::future::pending::<()>().await;
}

#[route(GET, "/topic")]
async fn topic(State(hub): State<Hub>) -> Result<EventStream, HubError> {
    hub.topic("a")?.subscribe(None).await
}

fn app() -> Router {
    Router::new().mount(routes![whoami, open, topic]).with_state(Hub::memory())
}

/// A server that trusts what comes from 127.0.0.1.
fn behind() -> Server {
    Server::new().trust_proxies(["127.0.0.1"]).expect("an address")
}

async fn running(server: Server) -> (Running, Handle) {
    let handle = server.handle();
    (Running::serve_with(server, app()).await, handle)
}

/// Who the server takes a request for, which comes from this address with these headers.
async fn taken_for(server: &Running, source: &str, headers: &str) -> String {
    let mut client = Client::connect_from(source, server.address).await;
    client.send(format!("GET /whoami HTTP/1.1\r\nhost: test\r\n{headers}\r\n")).await;
    client.response().await.1
}

/// A stream on a connection that begins with this.
async fn announced(server: &Running, header: &[u8], path: &str) -> (Client, bool) {
    let mut client = Client::connect_from("127.0.0.1", server.address).await;
    client.send(header).await;
    client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n\r\n")).await;
    let told = client.head().await.header("content-length").is_some();
    (client, told)
}

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
        assert_eq!(taken_for(&server, "127.0.0.1", headers).await, client, "{headers}");
        assert!(taken_for(&server, "127.0.0.2", headers).await.starts_with("127.0.0.2:"), "{headers}");
    }
    for headers in ["", "forwarded: for=1.2.3.4\r\n", "x-forwarded-for: unknown\r\n"] {
        assert!(taken_for(&server, "127.0.0.1", headers).await.starts_with("127.0.0.1:"), "{headers}");
    }
    let refused = taken_for(&server, "127.0.0.1", "x-forwarded-for: 1.2.3.4, <me>\r\n").await;
    assert_eq!(refused, "the request's X-Forwarded-For header has no valid address\n");

    let (server, _) = running(behind().client_header(ClientHeader::Forwarded)).await;
    let headers = "x-forwarded-for: 1.2.3.4\r\nforwarded: for=5.6.7.8;x=\", for=\"[2001:db8::7]:80\";proto=https\r\n";
    assert_eq!(taken_for(&server, "127.0.0.1", headers).await, "[2001:db8::7]:80");
    assert!(taken_for(&server, "127.0.0.2", headers).await.starts_with("127.0.0.2:"));

    // Nobody is trusted by default, wherever it is.
    let (server, _) = running(Server::new()).await;
    assert!(taken_for(&server, "127.0.0.1", headers).await.starts_with("127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_on_one_connection_of_a_proxy_are_counted_apart() {
    let (server, handle) = running(behind().max_streams_per_peer(1).max_connections_per_peer(1)).await;
    for version in [Version::HTTP_2, Version::HTTP_11] {
        // A limit of connections would be the proxy's.
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
        until(PATIENCE, "they have left", || handle.count() == 0).await;
    }
}

/// A provider gives a customer a /64, a /56 or a /48, and each has many addresses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_of_ipv6_has_one_limit_for_each_network() {
    let (server, _) = running(behind().max_streams_per_peer(1)).await;
    let mut proxy = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut held = Vec::new();
    for (client, has_place) in [
        ("2001:db8::1", true),
        ("2001:db8::2", false),
        // Of the same /56, which has 4 places.
        ("2001:db8:0:1::1", true),
        ("2001:db8:0:2::1", true),
        ("2001:db8:0:ff::1", true),
        ("2001:db8:0:3::1", false),
        // Of the same /48, and of another.
        ("2001:db8:0:100::1", true),
        ("2001:db8:1::1", true),
    ] {
        let answer = proxy.get("/open", &[("accept", "text/event-stream"), ("x-forwarded-for", client)]).await;
        assert_eq!(answer.header("content-length").is_none(), has_place, "{client}");
        held.push(answer);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_stream_speaks_of_the_client_and_counts_for_it() {
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
    until(PATIENCE, "it is open", || handle.count() == 1).await;
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
    // HTTP/2 comes behind it as well, and a stream that is parked.
    let mut socket = tokio::net::TcpStream::connect(server.address).await.expect("connect");
    socket.write_all(V2).await.expect("send");
    let mut visitor = Visitor::over(socket, Version::HTTP_2).await;
    let stream = visitor.stream("/open").await;
    let (parked, _) = announced(&server, V2, "/topic").await;
    until(PATIENCE, "both are open", || handle.count() == 2).await;
    let streams = handle.streams();
    assert!(streams.iter().all(|stream| stream.peer().expect("a client").to_string() == "203.0.113.7:50812"));
    assert_eq!(streams.iter().filter(|stream| stream.is_parked()).count(), 1);
    drop((stream, parked));

    // A stranger is not asked, and what it says of itself is no HTTP.
    assert!(taken_for(&server, "127.0.0.2", "").await.starts_with("127.0.0.2:"));
    let mut stranger = Client::connect_from("127.0.0.2", server.address).await;
    stranger.send(["PROXY TCP4 203.0.113.7 127.0.0.1 50812 443\r\n", whoami].concat()).await;
    assert_eq!(stranger.head().await.status(), 400);
}

/// A content delivery network behind a balancer that passes bytes on.
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

/// The proxy passes bytes on, so that a client without an address has written them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_no_proxy_names_cannot_name_itself() {
    let server = behind().trust_proxies(["unix"]).expect("the word").proxy_protocol(true);
    let (server, handle) = running(server.client_header(ClientHeader::XForwardedFor)).await;
    let (unknown, of_unix) = (&b"PROXY UNKNOWN\r\n"[..], &b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0"[..]);
    let ask = |path| format!("GET {path} HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 203.0.113.7\r\n\r\n");
    for header in [LOCAL, unknown, of_unix] {
        let mut client = Client::connect_from("127.0.0.1", server.address).await;
        client.send([header, ask("/whoami").as_bytes()].concat()).await;
        assert!(client.response().await.1.starts_with("127.0.0.1:"));
        // Nor after a parked stream, whose connection is served by other means.
        client.send(ask("/topic")).await;
        assert_eq!(client.head().await.status(), 200);
        until(PATIENCE, "it is open", || handle.count() == 1).await;
        assert_eq!(handle.close(OpenStream::is_parked), 1);
        while client.next().await.expect("a clean end").is_some() {}
        client.send(ask("/whoami")).await;
        assert!(client.response().await.1.starts_with("127.0.0.1:"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_names_nobody_is_closed() {
    let (server, handle) = running(behind().proxy_protocol(true).head_timeout(Duration::from_millis(200))).await;
    for begins in [
        &b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"[..],
        b"PROXY TCP4 203.0.113.7 127.0.0.1 50812 443 more\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c012345678901",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02ab",
        // These are cut off, and wait.
        b"PROXY ",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"",
    ] {
        let mut client = Client::connect_from("127.0.0.1", server.address).await;
        client.send(begins).await;
        // Unread bytes make it a reset.
        let rest = within(PATIENCE, "the end", client.rest()).await.unwrap_or_default();
        assert_eq!(String::from_utf8(rest).expect("text"), "");
    }
    assert_eq!(handle.count(), 0);
    let (_, told) = announced(&server, V2, "/open").await;
    assert!(!told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_connections_is_the_announced_clients() {
    let (server, _) = running(behind().proxy_protocol(true).max_connections_per_peer(1)).await;
    let (one, told) = announced(&server, V2, "/open").await;
    assert!(!told);
    assert!(announced(&server, V2, "/open").await.1);
    let (_other, told) = announced(&server, b"PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n", "/open").await;
    assert!(!told);
    // Health checks are nobody's.
    let mut checks = Vec::new();
    for _ in 0..3 {
        let (check, told) = announced(&server, LOCAL, "/open").await;
        assert!(!told);
        checks.push(check);
    }
    drop(one);
    while announced(&server, V2, "/open").await.1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whoever is told to come back takes a place for a moment, and one client cannot have all of these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_cannot_have_all_places_to_be_told() {
    let (server, _) = running(behind().proxy_protocol(true).max_connections(1)).await;
    let (_held, told) = announced(&server, LOCAL, "/open").await;
    assert!(!told);
    // Of 64 places one client has two. These keep theirs, since they ask for nothing.
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
    within(PATIENCE, "one that is not even told", fills).await;
    assert!(announced(&server, b"PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n", "/open").await.1);
    drop(silent);
}

/// Before its header has come, a connection counts as well, and no shutdown waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_that_say_nothing_are_limited_and_hold_no_shutdown() {
    let hour = Duration::from_hours(1);
    let server = behind().proxy_protocol(true).max_connections(1).head_timeout(hour).shutdown_timeout(hour);
    let (mut server, _) = running(server).await;
    let mut silent = Vec::new();
    // One that is served, and 64 that would be told.
    for _ in 0..65 {
        silent.push(Client::connect_from("127.0.0.1", server.address).await);
    }
    let late = Client::connect_from("127.0.0.1", server.address).await;
    assert_eq!(within(PATIENCE, "it is closed", late.rest()).await.expect("a clean end"), b"");
    server.stop();
    server.stopped(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_can_be_a_trusted_proxys() {
    let header = "GET /whoami HTTP/1.1\r\nhost: test\r\nconnection: close\r\nx-forwarded-for: 203.0.113.7\r\n\r\n";
    let announced = [V2, header.as_bytes()].concat();
    let plain = Server::new();
    let trusted = Server::new().trust_proxies(["unix"]).expect("the word");
    let protocol = Server::new().trust_proxies(["unix"]).expect("the word").proxy_protocol(true);
    for (server, bytes, client) in [
        (plain, header.as_bytes(), "nobody"),
        (trusted, header.as_bytes(), "203.0.113.7:0"),
        (protocol, &announced, "203.0.113.7:50812"),
    ] {
        let folder = Folder::new();
        let path = folder.path("socket");
        let listener = Listener::bind(&format!("unix:{path}")).await.expect("bind");
        let handle = server.handle();
        let server = tokio::spawn(server.serve(listener, app()));
        let mut socket = UnixStream::connect(&path).await.expect("connect");
        socket.write_all(bytes).await.expect("send");
        let mut answer = String::new();
        within(PATIENCE, "the answer", socket.read_to_string(&mut answer)).await.expect("read");
        assert!(answer.ends_with(&format!("\r\n\r\n{client}")), "{answer}");
        handle.shutdown();
        within(PATIENCE, "the shutdown", server).await.expect("no panic").expect("no error");
    }
}

#[test]
fn a_proxy_that_cannot_be_read_is_an_error() {
    let from_configuration: Vec<String> = vec!["10.0.0.0/8".to_owned(), "10.0.0.300".to_owned()];
    let error = Server::new().trust_proxies(from_configuration).expect_err("no address");
    assert!(error.is_proxy() && error.to_string().contains("10.0.0.300"), "{error}");
    let addresses = [std::net::Ipv4Addr::LOCALHOST];
    assert!(Server::new().trust_proxies(addresses).and_then(|server| server.trust_proxies(["::1/128"])).is_ok());
}
