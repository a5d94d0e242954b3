//! touka in an axum app: one route of axum's, and one event stream.
//!
//! Run it with `cargo run --example axum-minimal`, and watch it with `curl -N http://127.0.0.1:3000/rooms/blue`.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use touka::sse_handler;

/// Greets the room once a second. Extractors are axum's.
#[sse_handler]
async fn greetings(Path(room): Path<String>) {
    loop {
        emit!(format!("hello {room}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn app() -> Router {
    Router::new().route("/", get(|| async { "an axum app\n" })).route("/rooms/{room}", get(greetings))
}

/// `touka::serve` takes the app in place of `axum::serve`: ctrl-c then ends the streams.
#[tokio::main]
async fn main() -> touka::Result<()> {
    touka::serve("127.0.0.1:3000", app()).await
}

#[cfg(test)]
mod tests {
    use touka::testing::TestApp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_routes_are_served() {
        let app = TestApp::new(app());
        assert_eq!(app.get("/").send().await.text().await, "an axum app\n");
        let mut events = app.get("/rooms/blue").events().await;
        assert_eq!(events.next_event().await.expect("an event").data, "hello blue");
    }
}
