//! Connections through the proxy while it passes, cuts, refuses, delays and stalls.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use support::{Direction, TcpProxy, eventually, until, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_mins(1);

/// A client and a server's socket, with the proxy between them.
struct Pair {
    client: TcpStream,
    server: TcpStream,
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

async fn connect(listener: &TcpListener, proxy: &TcpProxy) -> Pair {
    let client = TcpStream::connect(proxy.address()).await.expect("connect");
    let (server, _) = within(PATIENCE, "the proxy's connection", listener.accept()).await.expect("accept");
    Pair { client, server }
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, text: &str) {
    from.write_all(text.as_bytes()).await.expect("write");
    assert_eq!(read(to, text.len()).await.expect("read"), text);
}

async fn read(from: &mut TcpStream, length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    within(PATIENCE, "bytes", from.read_exact(&mut bytes)).await?;
    Ok(String::from_utf8(bytes).expect("text"))
}

#[tokio::test]
async fn bytes_pass_both_ways_and_each_end_passes_alone() {
    let (listener, address) = listener().await;
    let proxy = TcpProxy::start(address);
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    passes(&mut client, &mut server, "question").await;
    client.shutdown().await.expect("end");
    assert_eq!(server.read(&mut [0]).await.expect("the end"), 0);
    passes(&mut server, &mut client, "answer").await;
    drop(server);
    assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
    until(PATIENCE, "no connection is left", || proxy.open() == 0).await;
}

#[tokio::test]
async fn a_cut_resets_both_sides_and_accepts_new_connections() {
    let (listener, address) = listener().await;
    let proxy = TcpProxy::start(address);
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    proxy.cut().await;
    assert_eq!(proxy.open(), 0);
    assert_eq!(client.read(&mut [0]).await.expect_err("reset").kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.read(&mut [0]).await.expect_err("reset").kind(), ErrorKind::ConnectionReset);
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    passes(&mut client, &mut server, "again").await;
    assert_eq!((proxy.open(), proxy.accepted()), (1, 2));
}

#[tokio::test]
async fn refused_clients_connect_again_after_resume() {
    let (listener, address) = listener().await;
    let mut proxy = TcpProxy::start(address);
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    proxy.refuse().await;
    let refused = TcpStream::connect(proxy.address()).await.expect_err("no listener");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    passes(&mut client, &mut server, "still open").await;
    proxy.go_down().await;
    client.read(&mut [0]).await.expect_err("reset");
    proxy.resume();
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    passes(&mut server, &mut client, "again").await;
}

#[tokio::test]
async fn each_direction_is_delayed() {
    const DELAY: Duration = Duration::from_millis(100);
    let (listener, address) = listener().await;
    let mut proxy = TcpProxy::start(address);
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    proxy.delay(DELAY);
    let start = Instant::now();
    passes(&mut client, &mut server, "question").await;
    assert!(start.elapsed() >= DELAY, "{:?}", start.elapsed());
    passes(&mut server, &mut client, "answer").await;
    assert!(start.elapsed() >= 2 * DELAY, "{:?}", start.elapsed());
    // A delay is no limit of the rate: more than the buffer of one connection, in order.
    proxy.resume();
    let long = "0123456789".repeat(300_000);
    let (sent, received) = tokio::join!(client.write_all(long.as_bytes()), read(&mut server, long.len()));
    sent.expect("write");
    assert!(received.expect("read") == long, "bytes were lost or reordered");
}

#[tokio::test]
async fn a_stall_holds_bytes_until_resume() {
    let (listener, address) = listener().await;
    let mut proxy = TcpProxy::start(address);
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    proxy.stall();
    client.write_all(b"question").await.expect("the proxy's kernel takes it");
    // New connections are accepted as well, and as silent.
    let mut second = connect(&listener, &proxy).await;
    second.client.write_all(b"question").await.expect("the proxy's kernel takes it");
    assert_eq!(server.try_read(&mut [0]).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    assert_eq!(second.server.try_read(&mut [0]).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    proxy.resume();
    assert_eq!(read(&mut server, 8).await.expect("read"), "question");
    assert_eq!(read(&mut second.server, 8).await.expect("read"), "question");
    passes(&mut server, &mut client, "answer").await;
}

#[tokio::test]
async fn one_direction_stalls_alone() {
    let (listener, address) = listener().await;
    let mut proxy = TcpProxy::start(address);
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    proxy.stall_one(Direction::ToClient);
    server.write_all(b"news").await.expect("the proxy's kernel takes it");
    passes(&mut client, &mut server, "question").await;
    assert!(client.read(&mut [0]).now_or_never().is_none(), "a stalled byte passed");
    proxy.resume();
    assert_eq!(read(&mut client, 4).await.expect("read"), "news");
}

/// More bytes than the buffers of the kernel can take.
#[tokio::test]
async fn a_cut_ends_a_writer_that_is_stalled() {
    let (listener, address) = listener().await;
    let proxy = TcpProxy::start(address);
    let Pair { client: _client, mut server } = connect(&listener, &proxy).await;
    proxy.stall();
    let bytes = vec![0; 64 * 1024 * 1024];
    let (written, ()) = tokio::join!(within(PATIENCE, "the reset", server.write_all(&bytes)), proxy.cut());
    let error = written.expect_err("the bytes were held back");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

#[tokio::test]
async fn new_connections_are_led_to_another_server() {
    let ((first, first_address), (second, second_address)) = (listener().await, listener().await);
    let proxy = TcpProxy::start(first_address);
    let mut old = connect(&first, &proxy).await;
    proxy.lead_to(second_address);
    let mut new = connect(&second, &proxy).await;
    passes(&mut old.client, &mut old.server, "old").await;
    passes(&mut new.client, &mut new.server, "new").await;
}

#[tokio::test]
async fn a_dropped_proxy_closes_everything() {
    let (listener, address) = listener().await;
    let proxy = TcpProxy::start(address);
    let proxy_address = proxy.address();
    let Pair { mut client, mut server } = connect(&listener, &proxy).await;
    drop(proxy);
    within(PATIENCE, "the reset", client.read(&mut [0])).await.expect_err("reset");
    within(PATIENCE, "the reset", server.read(&mut [0])).await.expect_err("reset");
    let refused = async || TcpStream::connect(proxy_address).await.is_err();
    eventually(PATIENCE, "no listener", refused).await;
}
