//! [`Record`], what a test has published, and with which outcome.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use touka::{HubError, Topic};

use super::position::Position;

/// All events that a test has published to its topics. Each has a number of its own, which is published once.
#[derive(Debug, Default)]
pub(crate) struct Record {
    published: Mutex<BTreeMap<u64, Published>>,
    losses: AtomicU64,
    is_over: AtomicBool,
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) topic: String,
    /// The publisher. The events of one are published one after the other.
    pub(crate) publisher: usize,
    pub(crate) outcome: Outcome,
    /// The [time](Record::time) at which the publish began.
    pub(crate) began: u64,
}

/// The outcome of a publish, as its caller knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Acknowledged(Position),
    /// The event was not published, for this reason.
    Failed(String),
    /// The event was published or not. Also the outcome of a publish that is under way.
    Unknown,
}

impl Record {
    /// Publishes the next number, followed by this many bytes.
    pub(crate) async fn publish(&self, publisher: usize, topic: &Topic, padding: usize) -> Outcome {
        let publish = async |number| match topic.publish(format!("{number} {}", "x".repeat(padding))).await {
            Ok(id) => Outcome::Acknowledged(Position::parse(&id.to_string())),
            Err(error) if error.is_unknown() => Outcome::Unknown,
            Err(error) => Outcome::Failed(failure(&error)),
        };
        self.publish_by(publisher, topic.name(), publish).await
    }

    /// Publishes the next number by other means.
    pub(crate) async fn publish_by(
        &self,
        publisher: usize,
        topic: &str,
        publish: impl AsyncFnOnce(u64) -> Outcome,
    ) -> Outcome {
        let began = self.time();
        let number = {
            let mut published = self.published();
            let number = published.len() as u64;
            published
                .insert(number, Published { topic: topic.to_owned(), publisher, outcome: Outcome::Unknown, began });
            number
        };
        let outcome = publish(number).await;
        self.published().get_mut(&number).expect("inserted before").outcome = outcome.clone();
        outcome
    }

    /// Records an event that a feed has published.
    pub(crate) fn add_of_feed(&self, body: usize, number: u64, topic: &str, at: Position) {
        let outcome = Outcome::Acknowledged(at);
        self.published().insert(number, Published { topic: topic.to_owned(), publisher: body, outcome, began: 0 });
    }

    /// Counts the beginnings and the ends of faults that lose events: odd during one of them.
    pub(crate) fn time(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    /// Asks the publishers of the test to stop.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Whether the publishers of the test were asked to stop.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Runs a fault that may lose events.
    pub(crate) async fn losing<O>(&self, fault: impl Future<Output = O>) -> O {
        self.losses.fetch_add(1, Ordering::SeqCst);
        let output = fault.await;
        self.losses.fetch_add(1, Ordering::SeqCst);
        output
    }

    /// The number of events with a known outcome that is an acknowledgement.
    pub(crate) fn acknowledged(&self) -> usize {
        self.published().values().filter(|event| matches!(event.outcome, Outcome::Acknowledged(_))).count()
    }

    pub(crate) fn all(&self) -> BTreeMap<u64, Published> {
        self.published().clone()
    }

    fn published(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Published>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(error: &HubError) -> String {
    assert!(error.is_unavailable(), "a publish failed for a reason that no fault of the engine explains: {error:?}");
    error.to_string()
}
