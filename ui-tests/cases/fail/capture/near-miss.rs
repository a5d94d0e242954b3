use touka::{route, routes};

#[route(GET, "/rooms/{room_id}")]
async fn room(roomid: String) -> String {
    roomid
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![room]);
}
