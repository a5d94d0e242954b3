use touka::{route, routes, sse_handler};

#[sse_handler]
#[route(GET, "/rooms/{room}")]
async fn inner(room: &str) {
    emit!(room);
}

#[route(GET, "/other/{room}")]
#[sse_handler]
async fn outer(room: &str) {
    emit!(room);
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![inner, outer]);
}
