//! Behind a real HAProxy, touka knows its clients' addresses: by the PROXY protocol, in both versions, and by
//! headers. A client's own claims change nothing.

use std::net::SocketAddr;
use std::time::Duration;

use http::Version;
use support::{Certificate, Client, Haproxy, Running, Visitor, until};
use touka::extract::ConnectInfo;
use touka::server::{ClientHeader, Handle};
use touka::{Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// Headers with which clients claim another address.
const CLAIMS: &str = "x-forwarded-for: 1.2.3.4\r\nforwarded: for=1.2.3.4;host=\"\r\nx-real-ip: 1.2.3.4\r\n";

#[route(GET, "/whoami")]
async fn whoami(ConnectInfo(address): ConnectInfo) -> String {
    address.to_string()
}

#[sse_handler]
#[route(GET, "/open")]
async fn open() {
    emit!("here");
    std::future::pending::<()>().await;
}

/// How HAProxy passes its client's address on, and how touka reads it.
struct Way {
    frontend: &'static str,
    backend: &'static str,
    hears: fn(Server) -> Server,
    /// Whether the client's port is passed on as well.
    has_port: bool,
}

const WAYS: [Way; 4] = [
    Way {
        frontend: "mode tcp",
        backend: "mode tcp\nserver one 127.0.0.1:3000 send-proxy",
        hears: |server| server.proxy_protocol(true),
        has_port: true,
    },
    Way {
        frontend: "mode tcp",
        // A health check is a connection without a client.
        backend: "mode tcp\nserver one 127.0.0.1:3000 send-proxy-v2 check inter 100ms",
        hears: |server| server.proxy_protocol(true),
        has_port: true,
    },
    Way {
        frontend: "mode http",
        backend: "mode http\noption forwardfor\noption http-no-delay\nserver one 127.0.0.1:3000",
        hears: |server| server,
        has_port: false,
    },
    Way {
        frontend: "mode http",
        backend: "mode http\noption http-no-delay\nserver one 127.0.0.1:3000\n\
                  http-request add-header Forwarded for=\\\"%[src]:%[src_port]\\\";proto=http",
        hears: |server| server.client_header(ClientHeader::Forwarded),
        has_port: true,
    },
];

impl Way {
    async fn running(&self, server: Server) -> (Running, Handle, Haproxy) {
        let server = (self.hears)(server.trust_proxies(["127.0.0.1"]).expect("an address"));
        let handle = server.handle();
        let server = Running::serve_with(server, Router::new().mount(routes![whoami, open])).await;
        let haproxy = Haproxy::start(server.address, self.frontend, self.backend).await;
        (server, handle, haproxy)
    }

    fn client(&self, client: &Client) -> SocketAddr {
        let mut address = client.socket.local_addr().expect("an address");
        if !self.has_port {
            address.set_port(0);
        }
        address
    }
}

async fn ask(haproxy: &Haproxy, source: &str, path: &str) -> Client {
    let mut client = Client::connect_from(source, haproxy.address).await;
    client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n{CLAIMS}\r\n")).await;
    client
}

/// Opens a stream, unless there are too many.
async fn stream(haproxy: &Haproxy, source: &str) -> Option<Client> {
    let mut client = ask(haproxy, source, "/open").await;
    if client.head().await.header("content-length").is_some() {
        return None;
    }
    assert_eq!(client.data().await, "here");
    Some(client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_and_open_streams_have_the_clients_address() {
    for way in &WAYS {
        let (_server, handle, haproxy) = way.running(Server::new()).await;
        let mut held = Vec::new();
        for source in ["127.0.0.2", "127.0.0.3"] {
            let mut client = ask(&haproxy, source, "/whoami").await;
            assert_eq!(client.response().await.1, way.client(&client).to_string(), "{}", way.backend);
            held.push(stream(&haproxy, source).await.expect("a stream"));
            let newest = handle.streams().pop().expect("the stream is open");
            assert_eq!(newest.peer(), held.last().map(|client| way.client(client)), "{}", way.backend);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_per_peer_apply_to_the_client() {
    for way in &WAYS {
        let (_server, handle, haproxy) = way.running(Server::new().max_streams_per_peer(2)).await;
        let mut held = Vec::new();
        for source in ["127.0.0.2", "127.0.0.3"] {
            held.push(stream(&haproxy, source).await.expect("the first"));
            held.push(stream(&haproxy, source).await.expect("the second"));
            assert!(stream(&haproxy, source).await.is_none(), "{}", way.backend);
        }
        assert_eq!(handle.count(), 4);
    }
}

/// With the PROXY protocol each connection names its client, so connections are limited per client as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_count_for_the_client_with_the_proxy_protocol() {
    for way in &WAYS[..2] {
        let (_server, _, haproxy) = way.running(Server::new().max_connections_per_peer(1)).await;
        let _held =
            [stream(&haproxy, "127.0.0.2").await.expect("one"), stream(&haproxy, "127.0.0.3").await.expect("one")];
        assert!(stream(&haproxy, "127.0.0.2").await.is_none(), "{}", way.backend);
    }
}

/// HAProxy forwards TLS without terminating it, so only the PROXY protocol can name the client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_protocol_comes_before_tls() {
    let certificate = Certificate::new();
    for way in &WAYS[..2] {
        let (_server, handle, haproxy) = way.running(Server::new().tls(certificate.tls())).await;
        for (version, protocol) in [(Version::HTTP_11, &b"http/1.1"[..]), (Version::HTTP_2, b"h2")] {
            let client = Client::connect_from("127.0.0.2", haproxy.address).await;
            let address = client.socket.local_addr().expect("an address");
            let socket = certificate.connect(client.socket, &[protocol]).await;
            let mut visitor = Visitor::over(socket, version).await;
            let mut stream = visitor.stream("/open").await;
            assert_eq!(stream.data().await, "here");
            assert_eq!(handle.streams().remove(0).peer(), Some(address));
            drop((visitor, stream));
            until(PATIENCE, "the client has disconnected", || handle.count() == 0).await;
        }
    }
}
