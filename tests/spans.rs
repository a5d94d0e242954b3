//! What a stream leaves in the log: a span around all that its body says, and its opening and end.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use support::{Client, Running, ask_each_time, until};
use tokio::runtime::Builder;
use touka::extract::State;
use touka::server::Park;
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Server, route, routes, sse_handler};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const PATIENCE: Duration = Duration::from_mins(1);

#[sse_handler]
#[route(GET, "/rooms/{room}")]
async fn room(room: String) {
    tracing::info!("in the body of {room}");
    emit!(room);
    std::future::pending::<()>().await;
}

#[sse_handler]
#[route(GET, "/ends")]
async fn ends() {
    emit!("one");
    emit!("two");
}

#[sse_handler]
#[route(GET, "/panics")]
async fn panics() {
    emit!("here");
    panic!("this body panics on purpose");
}

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String) -> Result<EventStream, HubError> {
    let stream: EventStream = hub.topic(name)?.subscribe(None).await?;
    Ok(stream.on_close(|_| tracing::info!("on_close")))
}

/// Writes all down: each line with its level and the fields of the span that it stands in. Spans are
/// numbered as they come, and entered on this one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    spans: Vec<String>,
    entered: Vec<u64>,
    lines: Vec<(Level, String)>,
}

impl Log {
    fn with<T>(&self, what: impl FnOnce(&mut Written) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first line that holds this.
    fn line(&self, part: &str) -> Option<(Level, String)> {
        self.with(|log| log.lines.iter().find(|(_, line)| line.contains(part)).cloned())
    }
}

/// Fields as text.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("touka") || metadata.target().starts_with("spans")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(format!("[{}", span.metadata().name()));
        span.record(&mut text);
        self.with(|log| {
            log.spans.push(text.0 + "]");
            Id::from_u64(log.spans.len() as u64)
        })
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.with(|log| {
            let span = log.entered.last().and_then(|id| log.spans.get(usize::try_from(*id).ok()? - 1));
            let line = format!("{}{}", span.map_or("", |span| span), text.0);
            log.lines.push((*event.metadata().level(), line));
        });
    }

    fn enter(&self, span: &Id) {
        self.with(|log| log.entered.push(span.into_u64()));
    }

    fn exit(&self, _: &Id) {
        self.with(|log| log.entered.pop());
    }
}

/// Runs on this thread alone, where the log is.
fn logged<F: Future<Output = ()>>(server: Server, run: impl FnOnce(std::net::SocketAddr, Log) -> F) {
    ask_each_time();
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = Running::serve_with(
                server,
                Router::new().mount(routes![room, ends, panics, topic]).with_state(Hub::memory()),
            )
            .await;
            run(server.address, log).await;
        });
    });
}

#[test]
fn what_a_body_says_stands_in_its_stream_and_a_disconnect_is_of_interest_to_nobody() {
    logged(Server::new().max_connections(100), |address, log| async move {
        let mut client = Client::stream(address, "/rooms/blue").await;
        assert_eq!(client.data().await, "blue");
        let span =
            format!("[stream route=\"/rooms/{{room}}\" peer={}]", client.socket.local_addr().expect("an address"));
        let said = log.line("in the body of blue").expect("what the body said");
        assert_eq!(said, (Level::INFO, format!("{span} message=in the body of blue")));
        let opened = log.line("stream opened").expect("the opening");
        assert_eq!(opened.0, Level::DEBUG);
        assert!(opened.1.starts_with(&span), "{opened:?}");
        drop(client);
        until(PATIENCE, "the end", || log.line("stream closed").is_some()).await;
        let (level, closed) = log.line("stream closed").expect("the end");
        assert_eq!(level, Level::DEBUG);
        assert!(closed.starts_with(&format!("{span} message=stream closed reason=Disconnected")), "{closed}");
        assert!(closed.contains(" events=1 bytes=12 duration="), "{closed}");
        let loud =
            log.with(|log| log.lines.iter().filter(|(level, _)| *level < Level::DEBUG).cloned().collect::<Vec<_>>());
        assert_eq!(loud, [said]);
    });
}

#[test]
fn a_parked_subscription_leaves_the_same_lines_as_a_body() {
    for park in [Park::Auto, Park::Never] {
        let server = Server::new().max_connections(100).park(park);
        let handle = server.handle();
        logged(server, |address, log| async move {
            let client = Client::stream(address, "/topics/a").await;
            assert_eq!(handle.streams()[0].is_parked(), park == Park::Auto);
            let peer = client.socket.local_addr().expect("an address");
            drop(client);
            until(PATIENCE, "the end", || log.line("on_close").is_some()).await;
            let span = format!("[stream route=\"/topics/{{name}}\" peer={peer}]");
            let (_, opened) = log.line("stream opened").expect("the opening");
            let (_, closed) = log.line("stream closed").expect("the end");
            assert_eq!(opened, format!("{span} message=stream opened route=\"/topics/{{name}}\""));
            assert!(closed.starts_with(&format!("{span} message=stream closed reason=Disconnected")), "{closed}");
            assert!(closed.contains(" events=0 bytes=25 duration="), "{closed}");
            assert_eq!(log.line("on_close"), Some((Level::INFO, format!("{span} message=on_close"))));
        });
    }
}

#[test]
fn behind_a_trusted_proxy_the_lines_speak_of_the_client() {
    for park in [Park::Auto, Park::Never] {
        let server = Server::new().max_connections(100).park(park).trust_proxies(["127.0.0.1"]).expect("an address");
        logged(server, |address, log| async move {
            let mut client = Client::connect(address).await;
            client.send("GET /topics/a HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 203.0.113.7\r\n\r\n").await;
            assert_eq!(client.head().await.status(), 200);
            drop(client);
            until(PATIENCE, "the end", || log.line("on_close").is_some()).await;
            for line in ["stream opened", "stream closed", "on_close"] {
                let (_, line) = log.line(line).expect("a line");
                assert!(line.starts_with("[stream route=\"/topics/{name}\" peer=203.0.113.7:0]"), "{line}");
            }
        });
    }
}

#[test]
fn an_end_has_its_reason_and_a_panic_is_an_error() {
    logged(Server::new().max_connections(100), |address, log| async move {
        for (path, reason) in [("/ends", "Completed"), ("/panics", "Panicked")] {
            let mut client = Client::stream(address, path).await;
            while client.next().await.expect("a clean end").is_some() {}
            let part = format!("route=\"{path}\" events=");
            until(PATIENCE, "the end", || log.line(&part).is_some()).await;
            let (_, closed) = log.line(&part).expect("the end");
            assert!(closed.contains(&format!("stream closed reason={reason} ")), "{closed}");
        }
        let (level, line) = log.line("on purpose").expect("the panic");
        assert_eq!(level, Level::ERROR);
        assert!(line.starts_with("[stream route=\"/panics\" peer="), "{line}");
        assert!(log.line("route=\"/ends\" events=2 bytes=22 ").is_some());
    });
}

#[test]
fn a_server_that_may_not_open_enough_files_says_what_to_do() {
    // More than any system allows.
    logged(Server::new().max_connections(1 << 40), |_, log| async move {
        let part = "may open fewer files than `max_connections` needs";
        until(PATIENCE, "a warning", || log.line(part).is_some()).await;
        let (level, line) = log.line(part).expect("a warning");
        assert_eq!(level, Level::WARN);
        for part in ["LimitNOFILE=", "ulimit -Hn", "Server::max_connections", "allowed=", "connections=1099511627776"] {
            assert!(line.contains(part), "{line}");
        }
    });
    logged(Server::new().max_connections(100), |_, log| async move {
        until(PATIENCE, "the server starts", || log.line("file descriptors allowed=").is_some()).await;
        assert_eq!(log.line("may open fewer files"), None);
    });
}
