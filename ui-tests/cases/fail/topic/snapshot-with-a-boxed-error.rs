use std::error::Error;

use touka::topic::{HubError, OnGap};
use touka::{Event, EventStream, Hub};

async fn load() -> Result<Vec<Event>, Box<dyn Error + Send + Sync>> {
    Ok(Vec::new())
}

async fn follow(hub: Hub) -> Result<EventStream, HubError> {
    hub.topic("cart")?.subscribe(None).on_gap(OnGap::snapshot(load)).await
}

fn main() {
    let _ = follow(Hub::memory());
}
