//! A connection that is reset at each of its stages. Each time the handler is dropped, an open stream has the
//! reason `Disconnected`, and the next client is served.

use std::time::Duration;

use axum_core::extract::Request;
use http::StatusCode;
use http_body_util::BodyExt;
use support::{Client, Count, Running, until, within};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use touka::extract::State;
use touka::{CloseReason, EventStream, Router, Server, route, routes};

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct App {
    held: Count,
    ends: UnboundedSender<CloseReason>,
}

/// Streams for ever.
#[route(GET, "/ticks")]
async fn ticks(State(App { held, ends }): State<App>) -> EventStream {
    let stream = EventStream::generate(|out| async move {
        let _held = held.hold();
        loop {
            out.emit("tick").await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    stream.on_close(move |reason| {
        let _ = ends.send(reason);
    })
}

/// Emits nothing, for ever.
#[route(GET, "/quiet")]
async fn quiet(State(App { held, ends }): State<App>) -> EventStream {
    let stream = EventStream::generate(|out| async move {
        let _held = held.hold();
        out.emit("here").await;
        std::future::pending::<()>().await;
    });
    stream.on_close(move |reason| {
        let _ = ends.send(reason);
    })
}

/// Never responds.
#[route(GET, "/hangs")]
async fn hangs(State(app): State<App>) -> &'static str {
    let _held = app.held.hold();
    std::future::pending::<()>().await;
    "never"
}

/// Delays its head: the response might still be a 404.
#[route(GET, "/undecided")]
async fn undecided(State(app): State<App>) -> Result<EventStream, StatusCode> {
    let stream = EventStream::try_generate(|_| async move {
        let _held = app.held.hold();
        std::future::pending().await
    });
    stream.open_after(PATIENCE * 60).await
}

#[route(POST, "/upload")]
async fn upload(State(app): State<App>, request: Request) -> &'static str {
    let _held = app.held.hold();
    if request.into_body().collect().await.is_ok() { "all" } else { "broken" }
}

struct Case {
    server: Running,
    held: Count,
    ended: UnboundedReceiver<CloseReason>,
}

async fn running() -> Case {
    let (ends, ended) = unbounded_channel();
    let held = Count::default();
    let state = App { held: held.clone(), ends };
    let router = Router::new().mount(routes![ticks, quiet, hangs, undecided, upload]).with_state(state);
    Case { server: Running::serve_with(Server::new(), router).await, held, ended }
}

impl Case {
    async fn is_unaffected(&self) {
        until(PATIENCE, "the handler is freed", || self.held.get() == 0).await;
        let mut next = Client::stream(self.server.address, "/quiet").await;
        assert_eq!(next.data().await, "here");
        drop(next);
        until(PATIENCE, "the next client's handler is dropped", || self.held.get() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_before_any_request() {
    let case = running().await;
    for words in ["", "G", "PRI * HTTP/2.0\r\n", "GET /ticks HTTP/1.1\r\nhost: te"] {
        let mut client = Client::connect(case.server.address).await;
        client.send(words).await;
        client.reset();
        case.is_unaffected().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_before_the_response() {
    let case = running().await;
    for path in ["/hangs", "/undecided"] {
        let client = Client::get(case.server.address, path).await;
        until(PATIENCE, "the handler runs", || case.held.get() == 1).await;
        client.reset();
        case.is_unaffected().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_in_the_middle_of_an_upload() {
    let case = running().await;
    for framing in ["content-length: 100\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"] {
        let mut client = Client::connect(case.server.address).await;
        client.send(format!("POST /upload HTTP/1.1\r\nhost: test\r\n{framing}")).await;
        until(PATIENCE, "the handler reads", || case.held.get() == 1).await;
        client.reset();
        case.is_unaffected().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_in_the_middle_of_a_stream() {
    let mut case = running().await;
    for path in ["/ticks", "/quiet"] {
        let mut client = Client::stream(case.server.address, path).await;
        client.data().await;
        assert_eq!(case.held.get(), 1);
        client.reset();
        let reason = within(PATIENCE, "the end", case.ended.recv()).await;
        assert_eq!(reason, Some(CloseReason::Disconnected), "{path}");
        case.is_unaffected().await;
        assert_eq!(case.ended.recv().await, Some(CloseReason::Disconnected), "the reason of the next client");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_close_in_the_middle_of_a_stream() {
    let mut case = running().await;
    let mut client = Client::stream(case.server.address, "/quiet").await;
    assert_eq!(client.data().await, "here");
    // The client sends nothing more, and might read on. hyper takes it for gone: a browser that has
    // disconnected looks the same, and no client of a stream closes only its sending half.
    client.socket.shutdown().await.expect("half of it closes");
    let reason = within(PATIENCE, "the end", case.ended.recv()).await;
    assert_eq!(reason, Some(CloseReason::Disconnected));
    case.is_unaffected().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_while_the_server_drains() {
    let Case { mut server, held, mut ended } = running().await;
    let mut clients = Vec::new();
    for number in 0..100 {
        let mut client = Client::stream(server.address, "/ticks").await;
        client.data().await;
        clients.push((number, client));
    }
    server.stop();
    // Every other client resets, before or after its turn.
    for (number, mut client) in clients {
        if number % 2 == 0 {
            client.reset();
        } else {
            while client.next().await.expect("a clean end").is_some() {}
            assert!(client.parser().retry().is_some());
        }
    }
    server.stopped(PATIENCE).await;
    assert_eq!(held.get(), 0);
    let mut reasons = Vec::new();
    while let Some(reason) = ended.recv().await {
        reasons.push(reason);
    }
    assert_eq!(reasons.len(), 100, "each has ended once");
    let shutdown = reasons.iter().filter(|reason| **reason == CloseReason::Shutdown).count();
    assert!(shutdown >= 50, "{shutdown} streams have the reason `Shutdown`");
    assert!(reasons.iter().all(|reason| matches!(reason, CloseReason::Shutdown | CloseReason::Disconnected)));
}
