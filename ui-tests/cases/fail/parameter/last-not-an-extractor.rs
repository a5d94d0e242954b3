use touka::{route, routes};

struct Database;

#[route(GET, "/rooms")]
async fn rooms(database: Database) -> &'static str {
    let Database = database;
    "rooms"
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![rooms]);
}
