use touka::{route, routes};

#[route(GET, "/rooms/{room}")]
async fn enter(room: String, seat: u32) -> String {
    format!("{room} {seat}")
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
