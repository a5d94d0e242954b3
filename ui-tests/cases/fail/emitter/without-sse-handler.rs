use touka::{Emitter, route, routes};

#[route(GET, "/clock")]
async fn clock(out: Emitter) -> &'static str {
    out.emit("tick").await;
    "tock"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![clock]);
}
