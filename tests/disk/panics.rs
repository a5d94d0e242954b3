//! Code of the user that panics while a hub on disk runs it.

use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, StreamExt};
use support::Folder;
use touka::topic::Cache;
use touka::{Event, EventStream, Hub, Result, Topic};

/// A value that panics when it is encoded, or decoded, if its text says so.
#[derive(Debug)]
struct Value(String);

impl touka::IntoEvent for Value {
    fn into_event(self) -> Result<Event> {
        assert!(self.0 != "encoded", "a panic while it is encoded");
        Ok(Event::data(self.0))
    }

    fn from_event(event: Event) -> Result<Self> {
        let text = event.as_data().unwrap_or_default().to_owned();
        assert!(text != "decoded", "a panic while it is decoded");
        Ok(Self(text))
    }
}

#[tokio::test]
async fn a_panic_in_a_value_ends_its_own_call_only() {
    let folder = Folder::new();
    let hub = Hub::builder().cache(Cache::new().events(1)).open(folder.path("hub")).unwrap();
    let topic: Topic<Value> = hub.topic("a").unwrap();
    let publish = |text: &str| topic.publish(Value(text.to_owned()));
    let first = publish("1").await.unwrap();
    assert!(AssertUnwindSafe(publish("encoded")).catch_unwind().await.is_err());
    let keyed = topic.publish_keyed("key", Value("encoded".into()));
    assert!(AssertUnwindSafe(keyed).catch_unwind().await.is_err());
    publish("decoded").await.unwrap();
    publish("3").await.unwrap();
    // The value comes from the file, because one event is in memory.
    let mut values: EventStream<Value> = topic.subscribe(first.clone()).await.unwrap();
    assert!(values.next().await.is_none());
    let events: Topic = hub.topic("a").unwrap();
    let texts: Vec<_> = events.subscribe(first).await.unwrap().take(3).collect().await;
    let texts: Vec<_> = texts.iter().filter_map(Event::as_data).collect();
    assert_eq!(texts, ["decoded", "3"]);
    publish("4").await.unwrap();
}
