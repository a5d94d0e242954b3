use std::time::Duration;

use touka::extract::{LastEventId, State};
use touka::topic::HubError;
use touka::{Event, EventStream, Hub, route};

#[route(GET, "/news")]
async fn news(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
    hub.topic::<Event>("news")?.subscribe(from).retry(Duration::from_secs(3)).await
}

fn main() {
    let _ = touka::routes![news];
}
