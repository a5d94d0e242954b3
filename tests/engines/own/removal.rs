//! The end of the readers of a removed topic.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::timeout;
use touka::topic::engine::{Draft, Engine, EngineFuture, EngineTopic, EventKeys, Lease, Position};
use touka::{Event, Hub, HubError};

/// Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// An engine that forgets to end the readers of a topic that it removes.
#[derive(Debug)]
struct Forgetful;

impl Engine for Forgetful {
    fn activate<'a>(&'a self, _: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::ready(Ok(Lease::none()))
    }

    fn publish<'a>(&'a self, _: EngineTopic<'a>, _: Draft, _: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::ready(Err(HubError::unavailable("it keeps no events")))
    }

    fn remove<'a>(&'a self, _: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_removal_ends_the_readers_whatever_the_engine_does() {
    let hub = Hub::builder().engine(Forgetful);
    let (old, stream) =
        (hub.topic::<Event>("a").unwrap(), hub.topic::<Event>("a").unwrap().subscribe(None).await.unwrap());
    assert!(hub.remove("a").await.unwrap());
    let events: Vec<Event> = timeout(PATIENCE, stream.collect()).await.expect("the stream ends");
    assert!(events.iter().all(|event| event.as_data().is_none()), "{events:?}");
    let again: Vec<Event> = timeout(PATIENCE, old.subscribe(None).await.unwrap().collect()).await.expect("it ends");
    assert_eq!(again.len(), 1, "a position: {again:?}");
    assert!(!hub.topics().contains(&"a".to_owned()));
}
