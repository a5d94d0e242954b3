use touka::{route, routes};

#[route(GET, "/log?")]
async fn log() -> String {
    String::new()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
