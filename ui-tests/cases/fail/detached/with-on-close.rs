//! `on_close` would concern each viewer.

use touka::{CloseReason, route, sse_handler};

fn closed(_: CloseReason) {}

#[sse_handler(detached = "turns/{chat}", on_close = closed)]
#[route(POST, "/chats/{chat}")]
async fn turn(chat: u64) {
    emit!(chat.to_string());
}

fn main() {}
