//! The parameters of placeholders are `Display`.

use touka::{Hub, Router, route, routes, sse_handler};

#[sse_handler(detached = "turns/{chat}/{request}", owner = "{tag}")]
#[route(POST, "/chats/{chat}?{request}&{tag}")]
async fn turn(chat: u64, request: Option<String>, tag: Vec<u32>) {
    emit!(format!("{chat} {request:?} {tag:?}"));
}

fn main() {
    let _: Router = Router::new().mount(routes![turn]).with_state(Hub::memory());
}
