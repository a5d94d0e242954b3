use touka::topic::{HubError, Topic};
use touka::{Event, Hub};

fn feed(hub: &Hub) -> Result<(), HubError> {
    let _fed = hub.topic::<Event>("clock")?.fed_by(|clock: Topic| async move {
        clock.publish("tick").await?;
        Ok(())
    });
    Ok(())
}

fn main() {
    let _ = feed(&Hub::memory());
}
