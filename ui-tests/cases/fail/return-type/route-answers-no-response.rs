use touka::{route, routes};

struct Tick;

#[route(GET, "/tick")]
async fn tick() -> Tick {
    Tick
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![tick]);
}
