//! The spans of callers, in which an engine runs.

use futures_util::FutureExt as _;
use tokio::task::yield_now;
use touka::topic::engine::{Draft, Engine, EngineFuture, EngineTopic, EventKeys, Lease, Position};
use touka::{Event, Hub};
use tracing::{Instrument as _, Span, info_span};

use super::store::Store;

/// An engine over a store whose operations take long, and check that they are in the span of their caller.
#[derive(Debug, Default)]
struct Traced(Store);

async fn assert_in_span(operation: &str) {
    for _ in 0..3 {
        let name = Span::current().metadata().map(tracing::Metadata::name);
        assert_eq!(name, Some("of the caller"), "the span of {operation}");
        yield_now().await;
    }
}

impl Engine for Traced {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        EngineFuture::new(assert_in_span("activate").then(move |()| self.0.activate(topic)))
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::new(assert_in_span("publish").then(move |()| self.0.publish(topic, draft, keys)))
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::new(assert_in_span("remove").then(move |()| self.0.remove(topic)))
    }
}

#[tokio::test]
async fn an_engine_runs_in_the_span_of_its_caller() {
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    let hub = Hub::builder().engine(Traced::default());
    let caller = async {
        let topic = hub.topic::<Event>("a").unwrap();
        let stream = topic.subscribe(None).await.unwrap();
        topic.publish("1").await.unwrap();
        assert!(hub.remove("a").await.unwrap());
        drop(stream);
    };
    caller.instrument(info_span!("of the caller")).await;
}
