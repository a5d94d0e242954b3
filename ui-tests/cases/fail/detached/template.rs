//! A template is text with the names of parameters in braces.

use touka::{route, sse_handler};

#[sse_handler(detached = "", owner = "")]
#[route(POST, "/a")]
async fn empty() {
    emit!("x");
}

#[sse_handler(detached = "turns/{chat", owner = "chat}")]
#[route(POST, "/b/{chat}")]
async fn unclosed(chat: u64) {
    emit!(chat.to_string());
}

#[sse_handler(detached = "turns/{}", owner = "{chat:?}")]
#[route(POST, "/c/{chat}")]
async fn no_name(chat: u64) {
    emit!(chat.to_string());
}

#[sse_handler(detached = "{chat.id}")]
#[route(POST, "/d/{chat}")]
async fn expression(chat: u64) {
    emit!(chat.to_string());
}

#[sse_handler(detached = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
#[route(POST, "/e")]
async fn long() {
    emit!("x");
}

fn main() {}
