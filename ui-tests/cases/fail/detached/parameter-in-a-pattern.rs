//! A placeholder takes a whole parameter.

use touka::extract::State;
use touka::{Hub, route, sse_handler};

#[sse_handler(detached = "turns/{app}")]
#[route(POST, "/chats")]
async fn turn(State(app): State<Hub>) {
    drop(app);
    emit!("x");
}

fn main() {}
