//! A plain function cannot await, so `emit!` is an error there.

use touka::{EventSender, sse_handler};

#[sse_handler(channel = 32)]
fn lines(events: EventSender) {
    drop(events);
    emit!("x");
}

fn main() {}
