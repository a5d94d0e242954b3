use touka::{route, routes};

#[route(GET, "/log?{*rest}")]
async fn log(rest: String) -> String {
    rest
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
