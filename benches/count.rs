//! Repeats one kind of work N times, for `scripts/counts.sh`, which counts the instructions under callgrind.
//!
//! ```text
//! touka-count publish 1000          # a thousand events into a topic without subscribers
//! touka-count deliver-body 1000     # the same, and out of the bodies of its subscribers
//! touka-count deliver-parked 1000   # the same, to the sockets of its parked subscribers
//! touka-count emit 1000             # a thousand events from one handler's body to frames
//! ```
//!
//! Prints the number of repetitions: one for each event, or one for each event of each subscriber.

use std::env;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::response::IntoResponse;
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::task::{spawn_blocking, yield_now};
use touka::extract::{LastEventId, State};
use touka::topic::{HubError, Retention};
use touka::{Event, EventStream, Hub, IntoEvent, Router, Server, Topic, route, routes, sse_handler};

/// Enough that the cost per event is small beside that of its deliveries, and no more than are written to in
/// one turn.
const SUBSCRIBERS: u64 = 64;

/// The number of events that the topic retains: so few that each publish trims one, as in a program that has
/// run for a while.
const KEPT: usize = 100;

/// How long the clients wait for an event before they fail.
const PATIENCE: Duration = Duration::from_secs(20);

/// 64 bytes of JSON.
#[derive(Serialize, IntoEvent)]
struct Quote {
    seq: u64,
    text: &'static str,
}

impl Quote {
    /// A quote of the same length as all others.
    const fn new(number: u64) -> Self {
        Self { seq: 1_000_000 + number, text: "ACME 1200 at the opening of the market." }
    }
}

fn hub() -> Hub {
    Hub::builder().retention(Retention::new().events(KEPT)).memory()
}

fn topic(hub: &Hub) -> Topic<Quote> {
    hub.topic("quotes").expect("a valid name")
}

async fn put(topic: &Topic<Quote>, number: u64) {
    black_box(topic.publish(Quote::new(number)).await.expect("published"));
}

// ===== publish =====

async fn publish(events: u64) -> u64 {
    let topic = topic(&hub());
    for number in 0..events {
        put(&topic, number).await;
    }
    events
}

// ===== deliver-body =====

async fn deliver_body(events: u64) -> u64 {
    let topic = topic(&hub());
    let frames = Arc::new(AtomicU64::new(0));
    for _ in 0..SUBSCRIBERS {
        let stream = topic.subscribe(None).await.expect("subscribed");
        let mut body = stream.into_response().into_body();
        let frames = Arc::clone(&frames);
        // As under a server: each in its connection's task.
        tokio::spawn(async move {
            while let Some(frame) = body.frame().await {
                black_box(frame.expect("a body that cannot fail"));
                frames.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // The first frame is the position. The next event is published once all bodies have yielded this one, so
    // that no frame holds two.
    arrived(&frames, SUBSCRIBERS).await;
    for number in 0..events {
        put(&topic, number).await;
        arrived(&frames, (number + 2) * SUBSCRIBERS).await;
    }
    events * SUBSCRIBERS
}

async fn arrived(frames: &AtomicU64, wanted: u64) {
    while frames.load(Ordering::Relaxed) < wanted {
        yield_now().await;
    }
}

// ===== deliver-parked =====

#[route(GET, "/quotes")]
async fn quotes(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream<Quote>, HubError> {
    topic(&hub).subscribe(from).await
}

async fn deliver_parked(events: u64) -> u64 {
    let hub = hub();
    let topic = topic(&hub);
    let app: Router = Router::new().mount(routes![quotes]).with_state(hub);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut clients = Clients::start(listener.local_addr().expect("an address"), events);
    tokio::spawn(Server::new().serve(listener, app));
    // The server needs this thread until all are parked.
    let waiting = spawn_blocking(move || {
        clients.wait();
        clients
    });
    let mut clients = waiting.await.expect("no panic");
    for number in 0..events {
        put(&topic, number).await;
        // The shard runs. Then all clients must have the event, before there is another one.
        yield_now().await;
        clients.wait();
    }
    assert_eq!(topic.subscribers() as u64, SUBSCRIBERS, "a client was lost");
    clients.leave();
    events * SUBSCRIBERS
}

/// The clients, in a process of their own, so that their instructions are not counted.
struct Clients {
    process: Child,
    said: ChildStdout,
}

impl Clients {
    fn start(address: SocketAddr, events: u64) -> Self {
        let program = env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["clients", &address.to_string(), &events.to_string()]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("this program again");
        let said = process.stdout.take().expect("a pipe");
        Self { process, said }
    }

    /// Waits until each client has received its next event.
    fn wait(&mut self) {
        self.said.read_exact(&mut [0]).expect("the clients have left: see above");
    }

    fn leave(mut self) {
        assert!(self.process.wait().expect("a child").success(), "the clients failed");
    }
}

/// Reads the events of all clients, and writes a byte whenever each has received its next.
fn clients(address: &str, events: u64) -> io::Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(b"GET /quotes HTTP/1.1\r\nhost: count\r\n\r\n")?;
        sockets.push(socket);
    }
    // First the head, with the id of the position.
    for wanted in std::iter::once("id: ").chain((0..events).map(|_| "data: ")) {
        for socket in &mut sockets {
            read_until(socket, wanted.as_bytes())?;
        }
        io::stdout().write_all(b".")?;
        io::stdout().flush()?;
    }
    Ok(())
}

/// Reads to the end of a chunk that contains `wanted`.
fn read_until(socket: &mut TcpStream, wanted: &[u8]) -> io::Result<()> {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match socket.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => read.extend_from_slice(&buffer[..length]),
        }
        if read.ends_with(b"\n\n\r\n") && read.windows(wanted.len()).any(|part| part == wanted) {
            return Ok(());
        }
    }
}

// ===== emit =====

#[sse_handler]
async fn emitted(events: u64) {
    // Without an allocation of its own: the delivery is measured, not the event.
    const EVENT: Event = Event::from_static("tick");
    for number in 0..events {
        emit!(EVENT.id(number));
    }
}

async fn emit(events: u64) -> u64 {
    // A body's steps are timed, and a step that another process interrupts is a long one: its events do not
    // share frames for a while. With a paused clock, each run does the same.
    tokio::time::pause();
    let mut body = emitted(events).await.into_response().into_body();
    while let Some(frame) = body.frame().await {
        black_box(frame.expect("a body that cannot fail"));
    }
    events
}

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse().expect("a number of events");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let times = match arguments[..] {
        ["publish", events] => runtime.block_on(publish(number(events))),
        ["deliver-body", events] => runtime.block_on(deliver_body(number(events))),
        ["deliver-parked", events] => runtime.block_on(deliver_parked(number(events))),
        ["emit", events] => runtime.block_on(emit(number(events))),
        ["clients", address, events] => return clients(address, number(events)).expect("an event for each client"),
        _ => panic!("the arguments are publish, deliver-body, deliver-parked or emit, and the number of events"),
    };
    println!("{times}");
}
