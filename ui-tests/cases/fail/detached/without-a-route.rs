//! A detached handler needs a route, and its options need a detached handler.

use touka::sse_handler;

#[sse_handler(detached = "turns/{chat}")]
async fn turn(chat: u64) {
    emit!(chat.to_string());
}

fn main() {}
