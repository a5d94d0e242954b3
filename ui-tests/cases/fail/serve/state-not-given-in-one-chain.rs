use touka::Router;
use touka::extract::State;
use touka::{route, routes};

#[derive(Clone)]
struct App;

#[route(GET, "/")]
async fn index(State(_app): State<App>) -> &'static str {
    "hello"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> touka::Result<()> {
    Router::new().mount(routes![index]).serve("127.0.0.1:0").await
}
