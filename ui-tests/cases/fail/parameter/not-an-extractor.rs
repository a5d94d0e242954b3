use touka::{route, routes, sse_handler};

struct Database;

#[sse_handler]
#[route(GET, "/rooms")]
async fn rooms(database: Database, name: touka::extract::LastEventId) {
    let Database = database;
    let _ = name;
    emit!("a room");
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![rooms]);
}
