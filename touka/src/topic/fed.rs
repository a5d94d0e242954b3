//! [`Fed`], a topic that one body feeds for all its subscribers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::engine::HubEngine;
use super::feed_body::FeedBody;
use super::shared_log::SharedLog;
use super::subscribe::Subscribe;
use crate::event::{Event, EventId};

/// A topic that one body feeds for all its subscribers. [`Topic::fed_by`](crate::Topic::fed_by) returns it.
///
/// ```
/// use touka::topic::Fed;
/// use touka::{Event, Topic};
///
/// fn with_clock(topic: &Topic) -> Fed {
///     topic.fed_by(|topic| async move {
///         while topic.publish("tick").await.is_ok() {
///             tokio::time::sleep(std::time::Duration::from_secs(1)).await;
///         }
///     })
/// }
/// # drop(with_clock(&touka::Hub::memory().topic("clock").unwrap()));
/// ```
#[must_use = "the body runs when there is a subscriber"]
pub struct Fed<T = Event> {
    engine: Arc<HubEngine>,
    log: Arc<SharedLog>,
    feed: FeedBody,
    gives: PhantomData<fn() -> T>,
}

impl<T> Fed<T> {
    pub(super) const fn new(engine: Arc<HubEngine>, log: Arc<SharedLog>, feed: FeedBody) -> Self {
        Self { engine, log, feed, gives: PhantomData }
    }

    /// Subscribes to the topic, as [`Topic::subscribe`](crate::Topic::subscribe) does, and starts the body unless one runs already.
    pub fn subscribe(self, from: impl Into<Option<EventId>>) -> Subscribe<T> {
        Subscribe::new(self.engine, vec![self.log], from.into(), Some(self.feed))
    }
}

impl<T> fmt::Debug for Fed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fed").field("topic", &self.log.name()).finish_non_exhaustive()
    }
}
