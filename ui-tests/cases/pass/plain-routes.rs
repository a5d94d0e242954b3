//! `#[route]` alone, on functions with any response.

use axum::Json;
use axum::response::IntoResponse;
use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use touka::extract::State;
use touka::{EventStream, Router, route, routes};

#[derive(Deserialize, Serialize)]
struct Room {
    name: String,
}

#[route(POST, "/rooms")]
async fn create(method: Method, headers: HeaderMap, Json(room): Json<Room>) -> Result<Json<Room>, StatusCode> {
    let _ = (method, headers);
    Ok(Json(room))
}

#[route(GET, "/rooms/{room}/{*rest}")]
async fn nested(rest: String, State(count): State<u32>, room: String) -> impl IntoResponse {
    format!("{room} {rest} {count}")
}

#[route(GET, "/fixed")]
async fn fixed() -> &'static str {
    "fixed"
}

#[route(GET, "/opaque")]
async fn opaque() -> Result<impl IntoResponse, StatusCode> {
    Ok("opaque")
}

#[route(GET, "/stream")]
async fn stream() -> EventStream {
    EventStream::generate(|out| async move {
        out.emit("by hand").await;
    })
}

#[route(GET, "/optional")]
async fn optional(room: Option<Json<Room>>) -> StatusCode {
    if room.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND }
}

fn main() {
    let _: Router = Router::new().mount(routes![create, nested, fixed, opaque, stream, optional]).with_state(3u32);
}
