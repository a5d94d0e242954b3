//! The channel mode needs a sender.

use touka::{Emitter, sse_handler};

#[sse_handler(channel = 32)]
async fn none() {}

#[sse_handler(channel = 32)]
async fn another(out: Emitter) {
    out.emit("x").await;
}

fn main() {}
