use touka::topic::{HubError, OnGap};
use touka::{EventStream, Hub};

async fn follow(hub: Hub) -> Result<EventStream, HubError> {
    hub.topic("cart")?.subscribe(None).initial().on_gap(OnGap::Live).await
}

fn main() {
    let _ = follow(Hub::memory());
}
