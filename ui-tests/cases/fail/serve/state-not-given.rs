use touka::Router;
use touka::extract::State;
use touka::{route, routes};

#[derive(Clone)]
struct App;

#[route(GET, "/")]
async fn index(State(_app): State<App>) -> &'static str {
    "hello"
}

fn app() -> Router<App> {
    Router::new().mount(routes![index])
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> touka::Result<()> {
    app().serve("127.0.0.1:0").await
}
