//! The hub of the runs is found in the router's state.

use touka::{Router, route, routes, sse_handler};

#[derive(Clone)]
struct App;

#[sse_handler(detached = "turns/{chat}")]
#[route(POST, "/chats/{chat}")]
async fn turn(chat: u64) {
    emit!(chat.to_string());
}

fn main() {
    let _ = Router::<App>::new().mount(routes![turn]).with_state::<()>(App);
}
