//! A body may block its thread between emits. After such a step the thread's other connections get their
//! turn, and the stream ends with its client or its server.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use axum::routing::get;
use support::{Apart, Client, Count, Held, until, within};
use tokio::io::AsyncWriteExt;
use touka::{EventStream, Server};

const PATIENCE: Duration = Duration::from_mins(1);

const PLAIN: &str = "GET /plain HTTP/1.1\r\nhost: test\r\n\r\n";

/// A body that works for a step after each emit.
#[derive(Clone)]
struct Work {
    steps: u32,
    step: Duration,
    /// The number of steps that all bodies have made.
    made: Arc<AtomicU32>,
    bodies: Count,
}

impl Work {
    fn new(steps: u32, step: Duration) -> Self {
        Self { steps, step, made: Arc::default(), bodies: Count::default() }
    }

    fn stream(self) -> EventStream {
        let held = self.bodies.hold();
        EventStream::generate(move |out| async move {
            let _held: Held = held;
            for number in 0..self.steps {
                out.emit(number.to_string()).await;
                // Blocks the thread, as a computation does.
                thread::sleep(self.step);
                self.made.fetch_add(1, SeqCst);
            }
        })
    }

    fn made(&self) -> u32 {
        self.made.load(SeqCst)
    }

    fn serve(&self, threads: usize, server: Server) -> Apart {
        let work = self.clone();
        let works = get(move || async move { work.stream() });
        let app = axum::Router::new().route("/works", works).route("/plain", get(|| async { "plain" }));
        Apart::serve(threads, server, app)
    }
}

#[tokio::test]
async fn other_connections_are_answered_while_bodies_work() {
    for (threads, streams) in [(1, 1), (2, 4)] {
        let work = Work::new(3000, Duration::from_millis(2));
        let server = work.serve(threads, Server::new());
        let mut other = Client::connect(server.address).await;
        let mut busy = Vec::new();
        for _ in 0..streams {
            let mut client = Client::stream(server.address, "/works").await;
            client.data().await;
            busy.push(client);
        }
        for _ in 0..5 {
            other.send(PLAIN).await;
            assert_eq!(other.response().await.1, "plain");
        }
        assert_eq!(work.bodies.get(), streams, "a body finished before the others had their turn");
    }
}

/// A free thread notices the disconnect, and the body is dropped after its step.
#[tokio::test]
async fn a_body_that_works_is_dropped_when_its_client_leaves() {
    let work = Work::new(24, Duration::from_millis(100));
    let server = work.serve(2, Server::new());
    let mut client = Client::stream(server.address, "/works").await;
    client.data().await;
    client.socket.shutdown().await.expect("nothing more is sent");
    until(PATIENCE, "the body is dropped", || work.bodies.get() == 0).await;
    assert!(work.made() < work.steps, "the body finished before the disconnect was noticed");
}

#[tokio::test]
async fn a_shutdown_ends_a_body_that_works() {
    for threads in [1, 2] {
        let work = Work::new(1500, Duration::from_millis(5));
        let mut server = work.serve(threads, Server::new().shutdown_timeout(PATIENCE * 10));
        let mut client = Client::stream(server.address, "/works").await;
        client.data().await;
        server.stop();
        while within(PATIENCE, "the end", client.next()).await.expect("a clean end").is_some() {}
        assert!(client.parser().retry().is_some(), "the stream ended by itself");
        assert!(work.made() < work.steps, "the body finished before the shutdown had its turn");
        server.stopped(PATIENCE);
    }
}
