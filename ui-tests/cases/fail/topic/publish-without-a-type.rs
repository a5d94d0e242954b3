use touka::Hub;
use touka::topic::HubError;

async fn say(hub: Hub) -> Result<(), HubError> {
    hub.topic("a")?.publish("x").await?;
    Ok(())
}

fn main() {
    let _ = say(Hub::memory());
}
