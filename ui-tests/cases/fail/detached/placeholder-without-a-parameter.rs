//! Each placeholder of a key or an owner is a parameter.

use touka::{route, sse_handler};

#[sse_handler(detached = "turns/{chat}/{reqest}/{reqest}", owner = "{account}")]
#[route(POST, "/chats/{chat}?{request}")]
async fn turn(chat: u64, request: String) {
    emit!(format!("{chat} {request}"));
}

fn main() {}
