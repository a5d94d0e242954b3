use touka::{route, routes, sse_handler};

#[sse_handler(colour = "red")]
#[route(GET, "/rooms/{room}")]
async fn room(seat: &str) {
    yield seat;
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
