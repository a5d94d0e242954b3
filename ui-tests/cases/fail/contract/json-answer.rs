use touka::response::{Json, StatusCode};
use touka::{contract, route};

#[derive(serde::Serialize)]
struct Item {
    name: String,
}

#[route(GET, "/item")]
async fn item() -> Result<Json<Vec<Item>>, StatusCode> {
    Ok(Json(vec![Item { name: "tea".into() }]))
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![item]);
}
