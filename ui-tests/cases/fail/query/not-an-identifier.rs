use touka::{route, routes};

#[route(GET, "/log?{page-size}")]
async fn log(page_size: u64) -> String {
    page_size.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![log]);
}
