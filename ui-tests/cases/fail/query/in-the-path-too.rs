use touka::{route, routes};

#[route(GET, "/log/{app}?{app}")]
async fn log(app: String) -> String {
    app
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
