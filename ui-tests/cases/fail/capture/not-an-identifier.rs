use touka::{route, routes};

#[route(GET, "/rooms/{room-id}")]
async fn room(room_id: u64) -> String {
    room_id.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
