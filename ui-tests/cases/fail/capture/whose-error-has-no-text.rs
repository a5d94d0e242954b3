use std::str::FromStr;

use touka::{route, routes};

struct Room;

struct NoRoom;

impl FromStr for Room {
    type Err = NoRoom;

    fn from_str(_: &str) -> Result<Self, NoRoom> {
        Err(NoRoom)
    }
}

#[route(GET, "/rooms/{room}")]
async fn enter(room: Room) -> &'static str {
    let Room = room;
    "welcome"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
