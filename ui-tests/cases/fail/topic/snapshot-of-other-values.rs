use touka::topic::{HubError, OnGap};
use touka::{EventStream, Hub, IntoEvent};

#[derive(IntoEvent)]
enum Price {
    Tick { cents: u64 },
}

async fn load() -> Vec<String> {
    vec!["7".to_owned()]
}

async fn follow(hub: Hub) -> Result<EventStream<Price>, HubError> {
    let prices = hub.topic("prices")?;
    prices.publish(Price::Tick { cents: 7 }).await?;
    prices.subscribe(None).on_gap(OnGap::snapshot(load)).await
}

fn main() {
    let _ = follow(Hub::memory());
}
