//! The options of a run need `detached`.

use touka::{route, sse_handler};

#[sse_handler(on_disconnect = cancel, stop_grace = "5s", max_run = "1h", max_bytes = 16, keep_for = "1h", owner = "{chat}", last_event = last)]
#[route(POST, "/chats/{chat}")]
async fn turn(chat: u64) {
    emit!(chat.to_string());
}

#[sse_handler(keep_for = "1h")]
async fn alone() {
    emit!("x");
}

fn main() {}
