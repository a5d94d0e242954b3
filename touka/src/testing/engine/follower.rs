//! [`Follower`], a client that follows topics and reconnects as a browser does.

use std::future::Future;
use std::time::Duration;

use futures_core::Stream;
use tokio::time::timeout;

use super::nodes::topic;
use crate::topic::Subscribe;
use crate::{Event, EventId, EventStream, Hub, HubError, Topic};

/// A client that keeps the id of the last event, and reconnects with it.
pub(super) struct Follower {
    stream: EventStream,
    last: Option<EventId>,
}

/// An item of a client's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// The data of an event.
    Data(String),
    /// The data of a `gap` event.
    Gap(String),
    /// The end of the stream.
    End,
}

/// The maximum time until an event arrives. An engine may be on another machine, or busy.
const MAX_WAIT: Duration = Duration::from_secs(20);

impl Follower {
    /// A client that connects with this id.
    pub(super) async fn new(topic: &Topic, from: Option<EventId>) -> Self {
        Self::of(topic.subscribe(from.clone()), from).await
    }

    /// A client without an id that wants all events.
    pub(super) async fn of_all(topic: &Topic) -> Self {
        Self::of(topic.subscribe(None).earliest(), None).await
    }

    pub(super) async fn of(subscribe: Subscribe, from: Option<EventId>) -> Self {
        Self { stream: subscribe.await.expect("a stream"), last: from }
    }

    /// Reconnects to this process, with the id of the last event.
    pub(super) async fn move_to(&mut self, topic: &Topic) {
        self.stream = topic.subscribe(self.last.clone()).await.expect("a stream");
    }

    /// Reconnects to this process, for several topics.
    pub(super) async fn move_to_hub(&mut self, hub: &Hub, topics: &[String]) -> Result<(), HubError> {
        self.stream = hub.subscribe(topics, self.last.clone())?.await?;
        Ok(())
    }

    pub(super) fn last(&self) -> Option<EventId> {
        self.last.clone()
    }

    /// Returns the next event, gap or end. Positions are remembered and skipped.
    pub(super) async fn next(&mut self) -> Item {
        loop {
            let next = timeout(MAX_WAIT, next(&mut self.stream)).await;
            let Some(event) = next.expect("an event within 20 s") else { return Item::End };
            self.last = event.as_id().cloned().or(self.last.take());
            match (event.as_event(), event.as_data()) {
                (Some(name), Some(data)) if name == "gap" => return Item::Gap(data.to_owned()),
                (_, Some(data)) => return Item::Data(data.to_owned()),
                (_, None) => {}
            }
        }
    }

    /// The data of the next events. Panics if a gap or the end is among them.
    pub(super) async fn data(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            match self.next().await {
                Item::Data(data) => all.push(data),
                other => panic!("expected event {} of {count}, got {other:?} after {all:?}", all.len() + 1),
            }
        }
        all
    }

    /// Asserts that the next item is a gap with this reason.
    pub(super) async fn assert_gap(&mut self, reason: &str) {
        let item = self.next().await;
        let expected = format!(r#"{{"reason":"{reason}""#);
        assert!(
            matches!(&item, Item::Gap(data) if data.starts_with(&expected)),
            "expected a {reason} gap, got {item:?}"
        );
    }
}

async fn next(stream: &mut EventStream) -> Option<Event> {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx)).await
}

/// Publishes numbers in order, and returns the ids of the events.
pub(super) async fn publish_numbers(topics: &[&Topic], numbers: std::ops::Range<u32>) -> Vec<EventId> {
    let mut ids = Vec::new();
    for (number, topic) in numbers.zip(topics.iter().cycle()) {
        ids.push(topic.publish(number.to_string()).await.expect("published"));
    }
    ids
}

/// Publishes to a topic whose name was that of one that another node has removed. The node may hear of that only now.
pub(super) async fn publish_anew<F>(hub: &Hub, name: &str, publish: impl Fn(Topic) -> F) -> EventId
where
    F: Future<Output = Result<EventId, HubError>>,
{
    let published = async {
        loop {
            match publish(topic(hub, name)).await {
                Err(error) if error.is_removed() => tokio::task::yield_now().await,
                published => return published.expect("published"),
            }
        }
    };
    timeout(MAX_WAIT, published).await.expect("a new topic within 20 s")
}

/// The texts of numbers.
pub(super) fn texts(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}
