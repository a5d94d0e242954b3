use axum::Json;
use touka::extract::LastEventId;
use touka::{route, routes};

#[route(POST, "/rooms")]
async fn create(Json(name): Json<String>, _last: LastEventId) -> String {
    name
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![create]);
}
