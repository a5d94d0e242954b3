use touka::{route, routes};

#[route(GET, "/rooms/{room}")]
async fn enter(room: Vec<String>) -> String {
    room.concat()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
