use std::time::Duration;

use tokio::time::sleep;
use touka::{Event, EventWriter, Router, route, routes, sse_handler};

/// A tick every two seconds.
#[sse_handler(callback)]
#[route(GET, "/ticks")]
async fn ticks(out: &mut EventWriter) -> bool {
    out.write(Event::data("the time has come").event("tick")).await;
    sleep(Duration::from_secs(2)).await;
    true
}

pub(crate) fn app() -> Router {
    Router::new().mount(routes![ticks])
}
