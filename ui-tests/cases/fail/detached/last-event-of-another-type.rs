//! `last_event` is a function of the end.

use touka::{CloseReason, Event, route, sse_handler};

fn last(_: CloseReason) -> Event {
    Event::data("x")
}

#[sse_handler(detached = "turns/{chat}", last_event = last)]
#[route(POST, "/chats/{chat}")]
async fn turn(chat: u64) {
    emit!(chat.to_string());
}

fn main() {}
