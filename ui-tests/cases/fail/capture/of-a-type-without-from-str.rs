use touka::{route, routes};

struct Room;

#[route(GET, "/rooms/{room}")]
async fn enter(room: Room) -> &'static str {
    let Room = room;
    "welcome"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
