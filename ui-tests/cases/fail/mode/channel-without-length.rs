//! The queue has a capacity of at least one event.

use touka::{EventSender, sse_handler};

#[sse_handler(channel)]
async fn none(events: EventSender) {
    drop(events);
}

#[sse_handler(channel = 0)]
async fn nothing(events: EventSender) {
    drop(events);
}

#[sse_handler(channel = "32")]
async fn text(events: EventSender) {
    drop(events);
}

fn main() {}
