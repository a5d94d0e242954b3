//! The emitter is not a value of the request.

use touka::{Emitter, route, sse_handler};

#[route(POST, "/chats")]
#[sse_handler(detached = "turns/{out}")]
async fn turn(out: Emitter) {
    out.emit("x").await;
}

fn main() {}
