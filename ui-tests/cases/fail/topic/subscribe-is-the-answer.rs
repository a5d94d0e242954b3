use touka::extract::{LastEventId, State};
use touka::topic::{HubError, Subscribe};
use touka::{Event, Hub, route};

#[route(GET, "/news")]
async fn news(State(hub): State<Hub>, from: LastEventId) -> Result<Subscribe, HubError> {
    Ok(hub.topic::<Event>("news")?.subscribe(from))
}

fn main() {
    let _: [touka::routing::Route<Hub>; 1] = touka::routes![news];
}
