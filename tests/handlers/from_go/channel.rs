use std::time::Duration;

use tokio::time::sleep;
use touka::{CloseReason, Event, EventSender, Router, route, routes, sse_handler};

/// Two sources, one stream, five events of each.
#[sse_handler(channel = 16, on_close = gone)]
#[route(GET, "/news")]
async fn news(events: EventSender) {
    tokio::join!(source("weather", &events), source("sports", &events));
}

async fn source(name: &'static str, events: &EventSender) {
    for number in 1..=5 {
        let event = Event::data(format!("{name} {number}")).event(name).id(number);
        if events.send(event).await.is_err() {
            return; // the client has left
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn gone(reason: CloseReason) {
    println!("/news ended: {reason:?}");
}

pub(crate) fn app() -> Router {
    Router::new().mount(routes![news])
}
