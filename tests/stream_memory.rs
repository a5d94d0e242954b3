//! Memory that the server allocates for an open stream, whatever it has sent. A process of its own: the test
//! counts allocated bytes, and its clients allocate nothing.

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::{Running, until, within};
use tokio::sync::broadcast;
use touka::extract::State;
use touka::server::Handle;
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Server, route, routes, sse_handler};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PATIENCE: Duration = Duration::from_mins(1);

/// Streams that are open at a time.
const STREAMS: usize = 500;

/// Streams of one HTTP/2 connection.
const SHARING: usize = 50;

#[derive(Clone)]
struct App {
    hub: Hub,
    events: broadcast::Sender<usize>,
}

/// Emits an event of the requested size for each permit.
#[sse_handler]
#[route(GET, "/handler")]
async fn handler(State(app): State<App>) {
    let mut lengths = app.events.subscribe();
    while let Ok(length) = lengths.recv().await {
        emit!("x".repeat(length));
    }
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "plain"
}

#[route(GET, "/topic")]
async fn topic(State(app): State<App>) -> Result<EventStream, HubError> {
    app.hub.topic::<touka::Event>("a")?.subscribe(None).await
}

struct Scene {
    server: Running,
    handle: Handle,
    events: broadcast::Sender<usize>,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::new();
        let handle = server.handle();
        let (events, _) = broadcast::channel(16);
        let app = App { hub: Hub::memory(), events: events.clone() };
        let router = Router::new().mount(routes![handler, plain, topic]).with_state(app);
        let server = Running::serve_with(server, router).await;
        Self { server, handle, events }
    }

    /// Opens streams on connections of their own.
    async fn open(&self, path: &str) -> Vec<TcpStream> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        let clients = (0..STREAMS).map(|_| connect(self.server.address, request.as_bytes())).collect();
        self.are_open(STREAMS).await;
        clients
    }

    async fn are_open(&self, count: usize) {
        until(PATIENCE, "all are open", || self.handle.count() == count).await;
    }
}

fn connect(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(address).expect("connect");
    client.set_nonblocking(true).expect("set the mode");
    client.write_all(words).expect("send");
    client
}

/// Reads everything that has arrived.
fn read(client: &mut TcpStream) -> usize {
    let (mut room, mut all) = ([0; 4096], 0);
    while let Ok(read @ 1..) = client.read(&mut room) {
        all += read;
    }
    all
}

/// Waits until the server is idle, and returns the number of allocated bytes.
async fn allocated() -> usize {
    let now = || {
        let stats = ALLOCATOR.stats();
        stats.bytes_allocated.wrapping_sub(stats.bytes_deallocated)
    };
    let mut before = now();
    let mut same = 0;
    while same < 10 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let after = now();
        same = if after == before { same + 1 } else { 0 };
        before = after;
    }
    before
}

/// Checks the memory per stream, in bytes.
fn check(what: &str, before: usize, after: usize, count: usize, most: usize) {
    let each = after.saturating_sub(before) / count;
    println!("{what}: {each} bytes");
    assert!(each <= most, "{what}: {each} bytes each");
}

/// One test: separate tests would count each other's streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_stream_holds_little_whatever_it_has_sent() {
    let scene = Scene::new().await;
    // One-time allocations of each kind are not counted.
    for path in ["/handler", "/topic"] {
        drop(scene.open(path).await);
        scene.none_is_open().await;
    }

    let before = allocated().await;
    let parked = scene.open("/topic").await;
    check("a parked subscription", before, allocated().await, STREAMS, 1536);
    drop(parked);
    scene.none_is_open().await;

    let before = allocated().await;
    let mut clients = scene.open("/handler").await;
    check("an idle handler", before, allocated().await, STREAMS, 3584);
    for length in [64, 1024, 16 * 1024] {
        for client in &mut clients {
            read(client);
        }
        scene.events.send(length).expect("listening");
        within(PATIENCE, "all have the event", async {
            for client in &mut clients {
                while read(client) == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        })
        .await;
        check(&format!("a handler after an event of {length} bytes"), before, allocated().await, STREAMS, 3584);
    }
    drop(clients);
    scene.none_is_open().await;

    // Between two requests the connection is in hyper. The limit of connections is based on this number.
    let before = allocated().await;
    let request = b"GET /plain HTTP/1.1\r\nhost: test\r\n\r\n";
    let mut connections: Vec<_> = (0..STREAMS).map(|_| connect(scene.server.address, request)).collect();
    within(PATIENCE, "all have their answer", async {
        for client in &mut connections {
            while read(client) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    })
    .await;
    check("a connection between two requests", before, allocated().await, STREAMS, 24 * 1024);
    drop(connections);
    // The only sign that they are gone is that the number stops changing.
    allocated().await;

    // Streams that share a connection. Most of what remains belongs to h2.
    let before = allocated().await;
    let connections: Vec<_> =
        (0..STREAMS / SHARING).map(|_| connect(scene.server.address, &http2("/handler"))).collect();
    scene.are_open(STREAMS).await;
    check("an idle handler over HTTP/2", before, allocated().await, STREAMS, 6144);
    drop(connections);
    scene.none_is_open().await;
}

impl Scene {
    async fn none_is_open(&self) {
        until(PATIENCE, "none is open", || self.handle.count() == 0 && self.events.receiver_count() == 0).await;
    }
}

/// An HTTP/2 client's preface, its settings, and requests.
fn http2(path: &str) -> Vec<u8> {
    let mut words = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for number in 0..SHARING {
        let id = u32::try_from(number * 2 + 1).expect("few streams");
        let length = u8::try_from(path.len()).expect("a short path");
        // GET, http, the path and an authority, each as a literal or by its index.
        let head = [b"\x82\x86\x04", &[length][..], path.as_bytes(), b"\x41\x01t"].concat();
        let size = u8::try_from(head.len()).expect("a short head");
        words.extend([&[0, 0, size, 1, 5][..], &id.to_be_bytes(), &head].concat());
    }
    words
}
