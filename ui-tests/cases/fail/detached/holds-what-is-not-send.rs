//! The body of a run is polled on any thread.

use std::rc::Rc;

use touka::{Hub, Router, route, routes, sse_handler};

#[sse_handler(detached = "turns/{chat}")]
#[route(POST, "/chats/{chat}")]
async fn turn(chat: u64) {
    let held = Rc::new(chat);
    emit!("x");
    drop(held);
}

fn main() {
    let _: Router = Router::new().mount(routes![turn]).with_state(Hub::memory());
}
