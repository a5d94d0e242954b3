use touka::{route, routes};

#[route(GET, "/log?{tag}&{tag}")]
async fn log(tag: Vec<String>) -> String {
    tag.concat()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
