//! Behind a real nginx whose configuration does not mention streams, touka's streams work over HTTP/1.1 and
//! HTTP/2.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum_core::response::IntoResponse;
use http::header::WWW_AUTHENTICATE;
use http::{StatusCode, Version};
use support::{Client, Nginx, Running, Visitor, fragments, within};
use tokio::sync::{Semaphore, mpsc};
use touka::extract::{ConnectInfo, LastEventId, State};
use touka::{CloseReason, Event, EventStream, Router, Server, route, routes, sse_handler};

/// The configuration of a user who has never heard of event streams.
const DEFAULT: &str = "location / { proxy_pass http://127.0.0.1:3000; }";

/// The protocols of visitors. nginx always uses HTTP/1 to touka.
const BOTH: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// How long a proxy may take to notice something on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// nginx's `proxy_read_timeout`, 60 s by default, scaled to a test.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The test's side of the handlers: permits for events, and reports of ended streams.
#[derive(Clone, Debug)]
struct Controls {
    permits: Arc<Semaphore>,
    closed: mpsc::UnboundedSender<CloseReason>,
}

impl Controls {
    /// Lets one stream emit one event.
    fn emit_one(&self) {
        self.permits.add_permits(1);
    }

    fn stream(&self, keep_alive: Option<Duration>) -> EventStream {
        let Self { permits, closed } = self.clone();
        EventStream::generate(|out| async move {
            for number in 1u32.. {
                permits.acquire().await.expect("never closed").forget();
                out.emit(Event::data(number.to_string())).await;
            }
        })
        .keep_alive(keep_alive)
        .on_close(move |reason| closed.send(reason).unwrap_or_default())
    }
}

/// Emits one event per permit; in between nothing, or the keep-alive's comments.
#[route(GET, "/numbers?{keep_alive}")]
async fn numbers(keep_alive: Option<u64>, State(controls): State<Controls>) -> EventStream {
    controls.stream(keep_alive.map(Duration::from_millis))
}

#[sse_handler]
#[route(GET, "/rooms/{room}")]
async fn room(room: String) -> Result<EventStream, axum_core::response::Response> {
    let refused = match room.as_str() {
        "none" => (StatusCode::NOT_FOUND, "no such room\n").into_response(),
        _ => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "who are you?\n").into_response(),
    };
    Err(refused)
}

#[sse_handler]
#[route(GET, "/last")]
async fn last(LastEventId(last): LastEventId) {
    emit!(last.map_or_else(|| "none".to_owned(), |id| id.to_string()));
}

/// Emits without end.
#[sse_handler]
#[route(GET, "/open")]
async fn open() {
    emit!("here");
    std::future::pending::<()>().await;
}

/// touka's server, nginx in front of it, and the visitors' protocol. Each test has a server of its own, so
/// that no event goes to a stream whose visitor is just leaving.
struct Site {
    server: Running,
    nginx: Nginx,
    version: Version,
    controls: Controls,
    closed: mpsc::UnboundedReceiver<CloseReason>,
}

impl Site {
    async fn open(configuration: &str, version: Version) -> Self {
        let (sender, closed) = mpsc::unbounded_channel();
        let controls = Controls { permits: Arc::new(Semaphore::new(0)), closed: sender };
        let router = Router::new().mount(routes![numbers, room, last, open]).with_state(controls.clone());
        let server = Running::serve(router).await;
        let nginx = Nginx::start(server.address, configuration).await;
        Self { server, nginx, version, controls, closed }
    }

    async fn visitor(&self) -> Visitor {
        Visitor::connect(self.nginx.address(self.version), self.version).await
    }

    async fn close_reason(&mut self) -> CloseReason {
        within(PATIENCE, "the handler is dropped", self.closed.recv()).await.expect("a reason")
    }

    /// Asserts that the head arrives before any event, and each event before the next one exists. When the
    /// client closes its connection, the handler is dropped.
    async fn streams(&mut self) {
        let mut visitor = self.visitor().await;
        let mut numbers = visitor.stream("/numbers").await;
        for number in 1..=5 {
            self.controls.emit_one();
            assert_eq!(numbers.data().await, number.to_string());
        }
        drop((visitor, numbers));
        assert_eq!(self.close_reason().await, CloseReason::Disconnected);
    }
}

#[tokio::test]
async fn events_arrive_one_by_one_and_a_disconnect_drops_the_handler() {
    for version in BOTH {
        Site::open(DEFAULT, version).await.streams().await;
    }
}

/// A closed page is a reset stream on a connection that the browser's other pages still use.
#[tokio::test]
async fn one_stream_of_several_on_a_connection_can_end() {
    let mut site = Site::open(DEFAULT, Version::HTTP_2).await;
    let mut visitor = site.visitor().await;
    let mut stays = visitor.stream("/numbers").await;
    let leaves = visitor.stream("/numbers").await;
    drop(leaves);
    assert_eq!(site.close_reason().await, CloseReason::Disconnected);
    site.controls.emit_one();
    assert_eq!(stays.data().await, "1");
    assert!(site.closed.try_recv().is_err(), "the other stream was closed too");
}

/// Over HTTP/1.1 a browser has six connections to an origin, and so six streams in all its pages.
#[tokio::test]
async fn over_http2_one_connection_has_a_hundred_streams() {
    let site = Site::open(DEFAULT, Version::HTTP_2).await;
    let mut visitor = site.visitor().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut stream = visitor.stream("/open").await;
        assert_eq!(stream.data().await, "here");
        streams.push(stream);
    }
}

fn with_read_timeout() -> String {
    let seconds = READ_TIMEOUT.as_secs();
    format!("location / {{ proxy_pass http://127.0.0.1:3000; proxy_read_timeout {seconds}s; }}")
}

/// The keep-alive is a quarter of the timeout here too, as 15 s are of 60 s.
#[tokio::test]
async fn the_keep_alive_holds_a_silent_stream_open() {
    for version in BOTH {
        let site = Site::open(&with_read_timeout(), version).await;
        let mut visitor = site.visitor().await;
        let mut numbers = visitor.stream("/numbers?keep_alive=500").await;
        let silent = Instant::now();
        while silent.elapsed() < READ_TIMEOUT * 2 {
            assert_eq!(numbers.bytes().await.expect("the stream was cut off").expect("the stream ended"), ":\n");
        }
        site.controls.emit_one();
        assert_eq!(numbers.data().await, "1");
    }
}

/// Shows that the keep-alive is what holds the stream of the other test open.
#[tokio::test]
async fn without_a_keep_alive_nginx_cuts_a_silent_stream_off() {
    for version in BOTH {
        let mut site = Site::open(&with_read_timeout(), version).await;
        let mut visitor = site.visitor().await;
        let mut numbers = visitor.stream("/numbers").await;
        site.controls.emit_one();
        assert_eq!(numbers.data().await, "1");
        assert!(numbers.next().await.is_err(), "a clean end would look like a finished stream");
        assert_eq!(site.close_reason().await, CloseReason::Disconnected);
        assert!(site.nginx.log().contains("timed out"), "{}", site.nginx.log());
    }
}

#[tokio::test]
async fn errors_before_the_opening_pass_through() {
    for version in BOTH {
        let site = Site::open(DEFAULT, version).await;
        let mut visitor = site.visitor().await;
        let answer = visitor.get("/nowhere", &[]).await;
        assert_eq!(answer.status, 404);
        drop(answer.text().await);
        let answer = visitor.get("/rooms/none", &[]).await;
        assert_eq!((answer.status, answer.text().await.as_str()), (StatusCode::NOT_FOUND, "no such room\n"));
        let answer = visitor.get("/rooms/secret", &[]).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (StatusCode::UNAUTHORIZED, Some("Bearer")));
        assert_eq!(answer.text().await, "who are you?\n");
    }
}

#[tokio::test]
async fn the_last_event_id_reaches_the_handler() {
    for version in BOTH {
        let site = Site::open(DEFAULT, version).await;
        let mut visitor = site.visitor().await;
        assert_eq!(visitor.stream("/last").await.data().await, "none");
        let mut visitor = site.visitor().await;
        assert_eq!(visitor.get("/last", &[("last-event-id", "41")]).await.data().await, "41");
        let mut visitor = site.visitor().await;
        assert_eq!(visitor.stream("/last?lastEventId=42").await.data().await, "42");
    }
}

/// nginx ignores `no-transform`: if configured so, it compresses a stream. It then flushes the compressor
/// after each piece, because buffering is off, so that nothing is held back.
#[tokio::test]
async fn events_compressed_by_nginx_arrive_one_by_one() {
    for version in BOTH {
        let site = Site::open(&format!("gzip on; gzip_types text/event-stream; {DEFAULT}"), version).await;
        let mut visitor = site.visitor().await;
        let mut numbers = visitor.get("/numbers", &[("accept-encoding", "gzip")]).await;
        assert_eq!(numbers.header("content-encoding"), Some("gzip"));
        let mut unpacked = flate2::write::GzDecoder::new(Vec::new());
        for number in 1..=5 {
            site.controls.emit_one();
            let event = format!("data: {number}\n\n");
            while unpacked.get_ref() != event.as_bytes() {
                let packed = numbers.bytes().await.expect("the stream was cut off").expect("the stream ended");
                unpacked.write_all(&packed).expect("valid gzip");
                unpacked.flush().expect("valid gzip");
            }
            unpacked.get_mut().clear();
        }
    }
}

#[tokio::test]
async fn with_gzip_on_alone_streams_are_not_compressed() {
    for version in BOTH {
        let site = Site::open(&format!("gzip on; {DEFAULT}"), version).await;
        let mut visitor = site.visitor().await;
        let mut numbers = visitor.get("/numbers", &[("accept-encoding", "gzip")]).await;
        assert_eq!(numbers.header("content-encoding"), None);
        site.controls.emit_one();
        assert_eq!(numbers.data().await, "1");
    }
}

/// The end arrives as a clean end, not as a broken connection, though nginx's HTTP/1.0 has no other sign of
/// it than a close.
#[tokio::test]
async fn a_shutdown_ends_streams_cleanly_through_nginx() {
    for version in BOTH {
        let mut site = Site::open(DEFAULT, version).await;
        let mut visitor = site.visitor().await;
        let mut numbers = visitor.stream("/numbers").await;
        site.controls.emit_one();
        assert_eq!(numbers.data().await, "1");
        site.server.stop();
        assert_eq!(numbers.next().await.expect("the stream was cut off"), None);
        assert!(numbers.parser().retry().is_some(), "a retry");
        assert_eq!(site.close_reason().await, CloseReason::Shutdown);
        site.server.stopped(PATIENCE).await;
    }
}

#[route(GET, "/whoami")]
async fn whoami(ConnectInfo(address): ConnectInfo) -> String {
    address.ip().to_string()
}

/// nginx forwards the client's own claims unless it is configured to name the client.
#[tokio::test]
async fn the_pages_header_names_the_client() {
    let appends = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    let trusts = Server::new().trust_proxies(["127.0.0.1"]).expect("an address");
    let server = Running::serve_with(trusts, Router::new().mount(routes![whoami])).await;
    let configured = format!("location / {{ proxy_pass http://127.0.0.1:3000; {appends} }}");
    for (configuration, client) in [(configured.as_str(), "127.0.0.2"), (DEFAULT, "1.2.3.4")] {
        let nginx = Nginx::start(server.address, configuration).await;
        for version in BOTH {
            let socket = Client::connect_from("127.0.0.2", nginx.address(version)).await.socket;
            let claims = [("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")];
            let answer = Visitor::over(socket, version).await.get("/whoami", &claims).await;
            assert_eq!(answer.text().await, client);
        }
    }
    // Each fragment of the page that passes a request to touka names the client.
    for fragment in fragments(PAGE, "nginx") {
        assert_eq!(fragment.matches("proxy_pass").count(), fragment.matches(appends).count(), "{fragment}");
    }
}

const PAGE: &str = include_str!("../../docs/deploying.md");

/// The page that tells users how to configure nginx; `443` and the address in it are replaced by the test's.
#[tokio::test]
async fn the_fragments_of_the_deployment_page_work() {
    let fragments = fragments(PAGE, "nginx");
    assert!(fragments.len() >= 5, "the page has fewer fragments than expected");
    for fragment in fragments {
        for version in BOTH {
            Site::open(fragment, version).await.streams().await;
        }
    }
}

/// A 502 would make an `EventSource` stop for ever.
#[tokio::test]
async fn a_fragment_of_the_page_answers_while_touka_is_down() {
    let fragment = fragments(PAGE, "nginx").into_iter().find(|fragment| fragment.contains("@later"));
    for version in BOTH {
        let mut site = Site::open(fragment.expect("the page has it"), version).await;
        site.server.stop();
        site.server.stopped(PATIENCE).await;
        let mut visitor = Visitor::connect(site.nginx.address(version), version).await;
        let mut answer = visitor.stream("/numbers").await;
        assert_eq!(answer.next().await.expect("the stream was cut off"), None);
        assert_eq!(answer.parser().retry(), Some(Duration::from_secs(3)));
        assert_eq!(answer.header("access-control-allow-origin"), None);
        // Without these headers, a page of another origin would stop for ever as well.
        let answer = visitor.get("/numbers", &[("origin", "https://app.example")]).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}
