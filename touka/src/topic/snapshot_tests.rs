//! Logs that begin anew while a stream with a snapshot reads from them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::encoded::Draft;
use super::engine::HubEngine;
use super::event_keys::EventKeys;
use super::log::Log;
use super::on_gap::OnGap;
use super::retention::Retention;
use super::shared_log::SharedLog;
use super::subscribe::Subscribe;
use crate::CloseReason;
use crate::event::Event;
use crate::stream::EventStream;

struct Scene {
    engine: Arc<HubEngine>,
    log: Arc<SharedLog>,
    /// A load takes one.
    permits: Arc<Semaphore>,
    stream: EventStream,
}

impl Scene {
    /// A stream that has read one event.
    async fn new() -> Self {
        let (engine, permits) = (HubEngine::memory(), Arc::new(Semaphore::new(1)));
        let log = Arc::new(SharedLog::new("a", Retention::new()));
        let load = {
            let permits = Arc::clone(&permits);
            async move || {
                permits.acquire().await.expect("open").forget();
                ["state"]
            }
        };
        let subscribe = Subscribe::new(Arc::clone(&engine), vec![Arc::clone(&log)], None, None);
        let stream = subscribe.on_gap(OnGap::snapshot(load)).await.expect("memory");
        let mut scene = Self { engine, log, permits, stream };
        scene.publish("1").await;
        assert!(scene.next().await.as_data().is_none(), "the position");
        assert_eq!(scene.next().await.as_data(), Some("1"));
        scene
    }

    async fn publish(&self, data: &'static str) -> String {
        let draft = Draft::of(data).expect("an event");
        self.engine.publish(&self.log, draft, EventKeys::default()).await.expect("memory").to_id().to_string()
    }

    fn begin_anew(&self) {
        self.log.change(|state| state.log.replace(Log::new(Retention::new()), Instant::now()));
    }

    fn head(&self) -> String {
        let state = self.log.lock();
        state.log.id(state.log.head()).to_string()
    }

    async fn next(&mut self) -> Event {
        self.stream.next().await.expect("the stream goes on")
    }

    async fn assert_gap(&mut self) {
        let gap = self.next().await;
        assert!(gap.as_data().expect("data").starts_with(r#"{"reason":"foreign""#), "{gap:?}");
        assert_eq!(gap.as_id().expect("an id").to_string(), format!("{}.s", self.head()));
    }

    async fn assert_state(&mut self) {
        let state = self.next().await;
        assert_eq!(state.as_data(), Some("state"));
        assert_eq!(state.as_id().expect("an id").to_string(), self.head());
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_stream_gets_the_state_when_its_log_begins_anew() {
    let mut scene = Scene::new().await;
    scene.begin_anew();
    scene.assert_gap().await;
    scene.assert_state().await;
    let id = scene.publish("2").await;
    assert_eq!(scene.next().await, Event::data("2").id(crate::EventId::new(id).expect("an id")));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_begins_anew_during_a_load_causes_another() {
    let mut scene = Scene::new().await;
    scene.permits.forget_permits(1);
    scene.begin_anew();
    scene.assert_gap().await;
    assert!(scene.stream.next().now_or_never().is_none());
    let before = Instant::now();
    scene.begin_anew();
    scene.permits.add_permits(2);
    assert_eq!(scene.next().await.as_data(), Some("state"));
    scene.assert_gap().await;
    assert!(before.elapsed() >= Duration::from_secs(1));
    scene.assert_state().await;
}

/// A closed log that begins anew has no more events for the stream.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_log_comes_after_the_state() {
    for anew in [true, false] {
        let mut scene = Scene::new().await;
        scene.permits.forget_permits(1);
        scene.begin_anew();
        scene.assert_gap().await;
        assert!(scene.stream.next().now_or_never().is_none());
        scene.log.change(|state| state.log.close(CloseReason::Completed));
        if anew {
            scene.begin_anew();
        }
        scene.permits.add_permits(1);
        assert_eq!(scene.next().await.as_data(), Some("state"));
        assert!(scene.stream.next().await.is_none());
    }
}
