//! A plain function cannot wait, so it has no `emit!`.

use touka::{EventSender, sse_handler};

#[sse_handler(channel = 32)]
fn lines(events: EventSender) {
    drop(events);
    emit!("x");
}

fn main() {}
