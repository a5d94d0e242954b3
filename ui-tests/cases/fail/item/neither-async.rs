use touka::{route, routes, sse_handler};

#[sse_handler]
#[route(GET, "/clock")]
fn clock() {
    emit!("tick");
}

#[route(GET, "/other")]
#[sse_handler]
fn other() {
    emit!("tick");
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![clock, other]);
}
