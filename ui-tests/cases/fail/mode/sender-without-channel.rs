//! A sender needs the channel mode, a writer the callback mode.

use touka::{EventSender, EventWriter, route, sse_handler};

#[sse_handler]
async fn feed(events: EventSender) {
    drop(events);
}

#[sse_handler]
async fn poll(out: &mut EventWriter) {
    out.write("x").await;
}

#[route(GET, "/feed")]
async fn routed(events: EventSender) {
    drop(events);
}

fn main() {}
