use touka::{route, routes};

#[route(GET, "/clock", crate = tuoka)]
async fn clock() -> &'static str {
    "noon"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![clock]);
}
