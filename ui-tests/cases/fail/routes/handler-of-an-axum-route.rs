use axum::routing::get;
use touka::{EventStream, route, sse_handler};

#[route(GET, "/rooms/{room}")]
#[sse_handler]
async fn room(room: u64) -> EventStream {
    emit!(room.to_string());
}

fn main() {
    let _: axum::Router = axum::Router::new().route("/rooms/{room}", get(room));
}
