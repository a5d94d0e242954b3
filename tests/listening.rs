//! A port opens with a clear error or a large backlog, and is accepted in each of its forms.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::try_join_all;
use support::{Client, ReservedPort, within};
use tokio::net::{TcpListener, TcpStream};
use touka::server::Listener;
use touka::{Router, Server, route, routes};

#[route(GET, "/")]
async fn index() -> &'static str {
    "fine"
}

#[tokio::test]
async fn the_error_for_a_taken_port_says_why_and_what_to_do() {
    let taken = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = Listener::bind(&address).await.unwrap_err();
    assert!(error.is_bind());
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {address}; another program listens there: stop it or choose another port")
    );
    assert!(error.source().is_some(), "the system's error is the source");

    for nonsense in ["", "127.0.0.1", "127.0.0.1:port", "not a host:80", "127.0.0.1:99999"] {
        let error = Listener::bind(nonsense).await.unwrap_err();
        assert!(error.is_bind() && error.to_string().contains(nonsense), "{error}");
    }
    let served = Server::new().shutdown_on(std::future::pending()).serve(address, Router::new()).await;
    assert!(served.unwrap_err().is_bind());
}

#[tokio::test]
async fn every_form_of_address_and_listener_is_accepted() {
    async fn answers(address: SocketAddr) {
        assert_eq!(Client::get(address, "/").await.response().await.1, "fine");
    }
    let tokios = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tokios.local_addr().unwrap();
    let by_tokio = tokio::spawn(Server::new().shutdown_on(std::future::pending()).serve(tokios, router()));
    answers(address).await;
    by_tokio.abort();

    let reserved = ReservedPort::new();
    let free = reserved.address;
    let by_address = tokio::spawn(Server::new().shutdown_on(std::future::pending()).serve(free, router()));
    let connected = async { while TcpStream::connect(free).await.is_err() {} };
    within(Duration::from_mins(1), "the port opens", connected).await;
    answers(free).await;
    by_address.abort();
}

fn router() -> Router {
    Router::new().mount(routes![index])
}

/// After a deploy all clients reconnect at the same moment. The kernel must hold them until they are
/// accepted: here the server accepts none.
#[tokio::test]
async fn the_backlog_holds_many_connections() {
    // The system's limit; the server asks for 4096.
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    let allowed: usize = allowed.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(128);
    let many = (allowed.min(4096) / 4 * 3).max(64);
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connect = try_join_all((0..many).map(|_| TcpStream::connect(address)));
    let clients = within(Duration::from_mins(2), "all connect", connect).await.unwrap();
    assert_eq!(clients.len(), many);
}

#[tokio::test]
async fn a_server_is_reached_over_ipv6() {
    let Ok(listener) = Listener::bind("[::1]:0").await else {
        // Only a machine without IPv6 gets here.
        assert!(std::net::TcpListener::bind("[::1]:0").is_err());
        return;
    };
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(Server::new().shutdown_on(std::future::pending()).serve(listener, router()));
    assert_eq!(Client::get(address, "/").await.response().await.1, "fine");
    server.abort();
}

#[tokio::test]
async fn several_addresses_are_served_at_once() {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(Listener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let server = Server::new();
    let handle = server.handle();
    let served = tokio::spawn(server.serve(listeners, router()));
    for _ in 0..2 {
        for &address in &addresses {
            assert_eq!(Client::get(address, "/").await.response().await.1, "fine");
        }
    }
    // What the kernel has accepted at a shutdown is answered, at each address.
    let mut last = Vec::new();
    for &address in &addresses {
        last.push(Client::get(address, "/").await);
    }
    handle.shutdown();
    for client in &mut last {
        assert_eq!(client.response().await.1, "fine");
    }
    within(Duration::from_mins(1), "the shutdown", served).await.unwrap().unwrap();
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err(), "{address} is open");
    }

    let reserved = ReservedPort::new();
    let taken = Listener::bind("127.0.0.1:0").await.unwrap();
    let both = [reserved.address, taken.local_addr().unwrap()];
    let server = || Server::new().shutdown_on(std::future::pending());
    assert!(server().serve(both, router()).await.unwrap_err().to_string().contains("another program listens there"));
    let none = server().serve(Vec::<String>::new(), router()).await.unwrap_err();
    assert!(none.is_bind(), "{none}");
}
