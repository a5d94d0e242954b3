use touka::topic::{HubError, OnGap};
use touka::{Event, EventStream, Hub};

async fn load() -> Event {
    Event::data("the state")
}

async fn follow(hub: Hub) -> Result<EventStream, HubError> {
    hub.topic("cart")?.subscribe(None).on_gap(OnGap::snapshot(load)).await
}

fn main() {
    let _ = follow(Hub::memory());
}
