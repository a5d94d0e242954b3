//! Other listeners than a TCP port of the server's own: Unix sockets, and sockets opened by another program.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use http::Version;
use support::{Client, Visitor, within};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use touka::server::{Handle, Listen, Listener};
use touka::{Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

#[sse_handler]
#[route(GET, "/endless")]
async fn endless() {
    emit!("here");
    std::future::pending::<()>().await;
}

/// A unique path, whose file is removed when this is dropped.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("touka-{name}-{}.sock", std::process::id())))
    }

    fn address(&self) -> String {
        format!("unix:{}", self.0.display())
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn start(listen: impl Listen + Send + 'static) -> (JoinHandle<touka::Result<()>>, Handle) {
    let server = Server::new();
    let handle = server.handle();
    (tokio::spawn(server.serve(listen, Router::new().mount(routes![endless]))), handle)
}

async fn stopped(server: JoinHandle<touka::Result<()>>) {
    within(PATIENCE, "the shutdown", server).await.expect("no panic").expect("no error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_serves_both_versions_and_ends_cleanly() {
    let path = SocketPath::new("serves");
    let listener = Listener::bind(&path.address()).await.expect("bind");
    assert!(listener.local_addr().expect_err("no address and port").to_string().contains("this listener"));
    let (server, handle) = start(listener);
    let mut open = Vec::new();
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let socket = UnixStream::connect(&path.0).await.expect("connect");
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
async fn only_a_stale_socket_is_replaced() {
    let path = SocketPath::new("left");
    let first = Listener::bind(&path.address()).await.expect("bind");
    let taken = Listener::bind(&path.address()).await.expect_err("another server listens");
    assert!(taken.is_bind());
    assert!(taken.to_string().contains(&path.address()), "{taken}");
    drop(first);
    assert!(path.0.exists(), "the file outlives its server");
    let (server, handle) = start(path.address());
    let mut visitor = loop {
        match UnixStream::connect(&path.0).await {
            Ok(socket) => break Visitor::over(socket, Version::HTTP_11).await,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(visitor.stream("/endless").await.data().await, "here");
    handle.shutdown();
    stopped(server).await;

    fs::remove_file(&path.0).expect("remove");
    fs::write(&path.0, "a letter").expect("write");
    assert!(Listener::bind(&path.address()).await.expect_err("a file is there").is_bind());
    assert_eq!(fs::read_to_string(&path.0).expect("the file still exists"), "a letter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_tcp_listener_is_accepted() {
    // As a service manager passes it: open, and not yet non-blocking.
    let opened = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = opened.local_addr().expect("an address");
    // A client may connect before the server starts.
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
async fn an_open_unix_listener_is_accepted() {
    let (path, other) = (SocketPath::new("std"), SocketPath::new("tokio"));
    let std = start(std::os::unix::net::UnixListener::bind(&path.0).expect("bind"));
    let tokio = start(tokio::net::UnixListener::bind(&other.0).expect("bind"));
    for (path, (server, handle)) in [(path, std), (other, tokio)] {
        let socket = UnixStream::connect(&path.0).await.expect("connect");
        let mut visitor = Visitor::over(socket, Version::HTTP_11).await;
        assert_eq!(visitor.stream("/endless").await.data().await, "here");
        handle.shutdown();
        stopped(server).await;
    }
}
