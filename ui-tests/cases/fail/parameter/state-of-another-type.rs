use touka::extract::State;
use touka::{Router, route, routes};

#[derive(Clone)]
struct App;

#[route(GET, "/")]
async fn index(State(_app): State<App>) -> &'static str {
    "hello"
}

fn main() {
    let _: Router = Router::new().mount(routes![index]).with_state(7u32);
}
