use touka::{route, routes};

#[route(GET, "/log/{app?}")]
async fn log(app: Option<String>) -> String {
    app.unwrap_or_default()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
