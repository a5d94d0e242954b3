//! Where a server listens beside a TCP port of its own: Unix sockets, and what others have opened.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use http::Version;
use support::{Client, Visitor, within};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use touka::server::{Handle, IntoListener, Listener};
use touka::{Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

#[sse_handler]
#[route(GET, "/endless")]
async fn endless() {
    emit!("here");
    std::future::pending::<()>().await;
}

/// A path that is nobody else's, and a file there that goes when this is dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("touka-{name}-{}.sock", std::process::id())))
    }

    fn address(&self) -> String {
        format!("unix:{}", self.0.display())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn start(listen: impl IntoListener + Send + 'static) -> (JoinHandle<touka::Result<()>>, Handle) {
    let server = Server::new();
    let handle = server.handle();
    (tokio::spawn(server.serve(listen, Router::new().mount(routes![endless]))), handle)
}

async fn stopped(server: JoinHandle<touka::Result<()>>) {
    within(PATIENCE, "the shutdown", server).await.expect("no panic").expect("no error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_serves_both_versions_and_ends_well() {
    let place = Place::new("serves");
    let listener = Listener::bind(&place.address()).await.expect("bind");
    assert!(listener.local_addr().expect_err("no address and port").to_string().contains("this listener"));
    let (server, handle) = start(listener);
    let mut open = Vec::new();
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let socket = UnixStream::connect(&place.0).await.expect("connect");
        let mut visitor = Visitor::over(socket, version).await;
        let mut stream = visitor.stream("/endless").await;
        assert_eq!(stream.data().await, "here");
        open.push((visitor, stream));
    }
    assert!(handle.streams().iter().all(|stream| stream.peer().is_none()));
    handle.shutdown();
    for (_, stream) in &mut open {
        assert_eq!(stream.next().await.expect("a clean end"), None);
        assert!(stream.parser().retry().is_some());
    }
    stopped(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_has_left_is_replaced_and_nothing_else() {
    let place = Place::new("left");
    let first = Listener::bind(&place.address()).await.expect("bind");
    let taken = Listener::bind(&place.address()).await.expect_err("another server listens there");
    assert!(taken.is_bind());
    assert!(taken.to_string().contains(&place.address()), "{taken}");
    drop(first);
    assert!(place.0.exists(), "the file outlives its server");
    let (server, handle) = start(place.address());
    let mut visitor = loop {
        match UnixStream::connect(&place.0).await {
            Ok(socket) => break Visitor::over(socket, Version::HTTP_11).await,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(visitor.stream("/endless").await.data().await, "here");
    handle.shutdown();
    stopped(server).await;

    fs::remove_file(&place.0).expect("remove");
    fs::write(&place.0, "a letter").expect("write");
    assert!(Listener::bind(&place.address()).await.expect_err("a file is there").is_bind());
    assert_eq!(fs::read_to_string(&place.0).expect("it is still there"), "a letter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_was_opened_by_another_is_taken_as_it_is() {
    // As a service manager hands it over: open, and not yet non-blocking.
    let opened = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = opened.local_addr().expect("an address");
    // A client may be there before its server.
    let mut client = Client::get(address, "/endless").await;
    let (server, handle) = start(opened);
    assert_eq!(client.head().await.status(), 200);
    handle.shutdown();
    stopped(server).await;

    let opened = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = opened.local_addr().expect("an address");
    let (server, handle) = start(opened);
    assert_eq!(Client::stream(address, "/endless").await.data().await, "here");
    handle.shutdown();
    stopped(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_a_unix_socket() {
    let (place, other) = (Place::new("std"), Place::new("tokio"));
    let std = start(std::os::unix::net::UnixListener::bind(&place.0).expect("bind"));
    let tokio = start(tokio::net::UnixListener::bind(&other.0).expect("bind"));
    for (place, (server, handle)) in [(place, std), (other, tokio)] {
        let socket = UnixStream::connect(&place.0).await.expect("connect");
        let mut visitor = Visitor::over(socket, Version::HTTP_11).await;
        assert_eq!(visitor.stream("/endless").await.data().await, "here");
        handle.shutdown();
        stopped(server).await;
    }
}
