//! The smallest program: a clock that sends the time once a second.
//!
//! Run it with `cargo run --example hello`, and watch it with `curl -N http://127.0.0.1:3000/clock`.

use std::time::Duration;

use touka::{Event, Router, route, routes, sse_handler};

/// The server's clock.
#[sse_handler]
#[route(GET, "/clock")]
async fn clock() {
    for tick in 0u64.. {
        emit!(Event::data(format!("tick {tick}")).id(tick));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::main]
async fn main() -> touka::Result<()> {
    Router::new().mount(routes![clock]).serve("127.0.0.1:3000").await
}

#[cfg(test)]
mod tests {
    use touka::testing::TestApp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_ticks() {
        let mut events = TestApp::new(Router::new().mount(routes![clock])).get("/clock").events().await;
        for tick in 0..3 {
            let event = events.next_event().await.expect("a tick");
            assert_eq!((event.id, event.data), (tick.to_string(), format!("tick {tick}")));
        }
    }
}
