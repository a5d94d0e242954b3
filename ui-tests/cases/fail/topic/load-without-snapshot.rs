use touka::topic::HubError;
use touka::{Event, EventStream, Hub};

async fn load() -> Vec<Event> {
    Vec::new()
}

async fn follow(hub: Hub) -> Result<EventStream, HubError> {
    hub.topic("cart")?.subscribe(None).on_gap(async || load().await).await
}

fn main() {
    let _ = follow(Hub::memory());
}
