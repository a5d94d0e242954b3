use tokio::sync::mpsc;
use touka::{Event, Hub, HubError};

/// A message of the broker: its topic, and its text.
pub(crate) type Message = (String, String);

/// Publishes what the broker has for this process. One task of each process runs it.
pub(crate) async fn relay(mut broker: mpsc::Receiver<Message>, hub: Hub) -> Result<(), HubError> {
    while let Some((name, text)) = broker.recv().await {
        // `get` creates no topic: a name that no client of this process follows costs nothing.
        if let Some(topic) = hub.get::<Event>(name).await? {
            topic.publish(text).await?;
        }
    }
    Ok(())
}
