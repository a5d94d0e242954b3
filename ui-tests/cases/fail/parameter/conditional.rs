use touka::{route, routes};

#[route(GET, "/rooms/{room}")]
async fn enter(room: String, #[cfg(all())] body: String) -> String {
    room + &body
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
