//! A monitored server: Prometheus reads its metrics, and a page lists its streams.
//!
//! ```text
//! cargo run --example metrics                         # then open http://127.0.0.1:3000
//! cargo run --example metrics -- 127.0.0.1:8080       # another address
//! curl http://127.0.0.1:3000/metrics                  # what Prometheus reads
//! ```
//!
//! With the feature `metrics`, touka records its metrics through the `metrics` facade. The program chooses
//! the exporter: here one whose text a route responds with. The server's handle lists open streams, without
//! any feature.
//!
//! On the open internet `/metrics` and `/streams` belong behind a login, or on a port of their own.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::Serialize;
use tokio::time::{interval, sleep};
use touka::extract::{Json, State};
use touka::server::{Handle, OpenStream};
use touka::{Event, Router, Server, route, routes, sse_handler};
use touka_examples::{Page, begin, page};

/// In seconds: from a millisecond, a request's latency, to an hour, a stream's duration.
const BUCKETS: [f64; 8] = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0];

/// How often the exporter aggregates its samples. Without that it would keep all of them until it is read.
const UPKEEP: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct App {
    figures: PrometheusHandle,
    server: Handle,
}

#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// A stream to monitor: each room is a stream, and all have the label of one route.
#[sse_handler(retry = "1s")]
#[route(GET, "/rooms/{room}")]
async fn room(room: String) {
    for tick in 0u64.. {
        emit!(Event::data(format!("{room} {tick}")));
        sleep(Duration::from_secs(1)).await;
    }
}

/// The text that Prometheus reads.
#[route(GET, "/metrics")]
async fn metrics(State(app): State<App>) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], app.figures.render())
}

/// One open stream, as the page shows it.
#[derive(Serialize)]
struct Row {
    route: Option<String>,
    path: String,
    peer: Option<String>,
    seconds: u64,
    events: Option<u64>,
    bytes: u64,
}

impl From<&OpenStream> for Row {
    fn from(stream: &OpenStream) -> Self {
        Self {
            route: stream.route().map(str::to_owned),
            path: stream.path().to_owned(),
            peer: stream.peer().map(|peer| peer.to_string()),
            seconds: stream.age().as_secs(),
            events: stream.events(),
            bytes: stream.bytes(),
        }
    }
}

#[route(GET, "/streams")]
async fn streams(State(app): State<App>) -> Json<Vec<Row>> {
    Json(app.server.streams().iter().map(Row::from).collect())
}

/// Ends all streams of one room. Their clients reconnect about a second later, so this is for changes such as
/// a new permission or another server.
#[route(DELETE, "/streams/{room}")]
async fn close(State(app): State<App>, room: String) -> StatusCode {
    let path = format!("/rooms/{room}");
    match app.server.close(|stream| stream.path() == path) {
        0 => StatusCode::NOT_FOUND,
        _ => StatusCode::NO_CONTENT,
    }
}

fn app(app: App) -> Router {
    Router::new().mount(routes![index, room, metrics, streams, close]).with_state(app)
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new().set_buckets(&BUCKETS)?.build_recorder())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let recorder = recorder()?;
    let figures = recorder.handle();
    // Before the server starts, which describes its metrics then.
    ::metrics::set_global_recorder(recorder)?;
    let upkeep = figures.clone();
    tokio::spawn(async move {
        let mut due = interval(UPKEEP);
        loop {
            due.tick().await;
            upkeep.run_upkeep();
        }
    });

    let server = Server::new();
    let app = app(App { figures, server: server.handle() });
    let listener = begin("metrics", app.routes()).await?;
    Ok(server.serve(listener, app).await?)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use touka::testing::TestApp;

    use super::*;

    /// Runs a test with an app on this thread, where its recorder is installed.
    fn with_app<F: Future<Output = ()>>(test: impl FnOnce(TestApp) -> F) {
        let recorder = recorder().expect("good buckets");
        let figures = recorder.handle();
        ::metrics::with_local_recorder(&recorder, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let app = TestApp::new(app(App { figures, server: Server::new().handle() }));
            runtime.expect("a runtime").block_on(test(app));
        });
    }

    async fn figures(app: &TestApp) -> String {
        app.get("/metrics").send().await.text().await
    }

    #[test]
    fn metrics_of_streams_can_be_read() {
        with_app(|app| async move {
            let mut red = app.get("/rooms/red").events().await;
            let mut green = app.get("/rooms/green").events().await;
            for tick in 0..3 {
                assert_eq!(red.next_event().await.expect("an event").data, format!("red {tick}"));
                assert_eq!(green.next_event().await.expect("an event").data, format!("green {tick}"));
            }
            let text = figures(&app).await;
            assert!(text.contains("touka_streams_open{route=\"/rooms/{room}\"} 2\n"), "{text}");
            assert!(text.contains("touka_events_total{route=\"/rooms/{room}\"} 6\n"), "{text}");
            assert!(!text.contains("red"), "each room would be a series of its own: {text}");
            red.disconnect();
            green.disconnect();
            app.assert_nothing_left().await;
            let text = figures(&app).await;
            assert!(text.contains("touka_streams_open{route=\"/rooms/{room}\"} 0\n"), "{text}");
            let closed = "touka_streams_closed_total{route=\"/rooms/{room}\",reason=\"disconnected\"} 2\n";
            assert!(text.contains(closed), "{text}");
        });
    }

    #[test]
    fn a_stream_is_not_a_slow_request() {
        with_app(|app| async move {
            let mut events = app.get("/rooms/red").events().await;
            // Ten seconds of the paused clock.
            for _ in 0..10 {
                events.next_event().await.expect("an event");
            }
            let text = figures(&app).await;
            let quick =
                "touka_request_seconds_bucket{method=\"GET\",route=\"/rooms/{room}\",status=\"200\",le=\"0.001\"} 1\n";
            assert!(text.contains(quick), "{text}");
        });
    }

    #[test]
    fn a_room_without_streams_cannot_be_closed() {
        with_app(|app| async move {
            assert_eq!(app.get("/streams").send().await.text().await, "[]");
            let refused = app.request(Method::DELETE, "/streams/red").send().await;
            assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        });
    }
}
