use touka::{route, routes};

#[route(GET, "/log?{tag}")]
async fn log(tag: Vec<Vec<u8>>) -> String {
    format!("{tag:?}")
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
