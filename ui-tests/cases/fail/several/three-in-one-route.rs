use touka::{route, routes};

#[route(get, "rooms/{room}/{room}", colour = "red")]
fn enter(seat: u32) -> String {
    seat.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![enter]);
}
