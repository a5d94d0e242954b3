//! A router without a state has no hub.

use touka::{Router, route, routes, sse_handler};

#[route(POST, "/chats/{chat}")]
#[sse_handler(detached = "turns/{chat}")]
async fn turn(chat: u64) {
    emit!(chat.to_string());
}

fn main() {
    let _: Router = Router::<()>::new().mount(routes![turn]);
}
