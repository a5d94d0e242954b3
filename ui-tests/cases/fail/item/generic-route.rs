use touka::extract::State;
use touka::{route, routes};

#[route(GET, "/state")]
async fn show<T: ToString>(State(value): State<T>) -> String {
    value.to_string()
}

fn main() {
    let _ = touka::Router::<u8>::new().mount(routes![show]);
}
