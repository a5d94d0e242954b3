use touka::extract::Json;
use touka::{contract, route};

#[derive(serde::Deserialize)]
struct Item {
    name: String,
}

#[route(POST, "/items")]
async fn add(Json(item): Json<Item>) -> String {
    item.name
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![add]);
}
