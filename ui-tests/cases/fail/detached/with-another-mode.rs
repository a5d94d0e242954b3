//! A detached handler is a mode of its own.

use touka::{EventSender, EventWriter, route, sse_handler};

#[sse_handler(detached = "a", callback)]
#[route(POST, "/a")]
async fn called(out: &mut EventWriter) -> bool {
    out.write("x").await;
    false
}

#[route(POST, "/b")]
#[sse_handler(channel = 32, detached = "b")]
async fn sent(events: EventSender) {
    drop(events);
}

#[route(POST, "/c")]
#[sse_handler(detached = "c")]
async fn sends(events: EventSender) {
    drop(events);
}

fn main() {}
