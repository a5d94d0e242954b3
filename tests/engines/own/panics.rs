//! An engine that panics: the calling stream or publish fails, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{sleep, timeout};
use touka::topic::{Cache, OnLag, Retention};
use touka::{Event, EventId, EventStream, Hub, HubError, Topic};

use super::faulty::{Faulty, When};

/// A hub with a stream of the topic "good".
struct Scene {
    faulty: Faulty,
    hub: Hub,
    good: EventStream,
}

impl Scene {
    async fn new() -> Self {
        let faulty = Faulty::new();
        let builder = Hub::builder().cache(Cache::new().events(2)).expire_after(Duration::from_secs(1));
        let hub = builder.engine(faulty.clone());
        let good = hub.topic::<Event>("good").expect("a topic").subscribe(None).await.expect("a stream");
        Self { faulty, hub, good }
    }

    fn bad(&self) -> Topic {
        self.hub.topic("bad").expect("a topic")
    }

    /// The stream of another topic goes on, and the topic works as soon as its engine does.
    async fn check(&mut self) {
        assert!(self.faulty.struck() > 0, "the engine has not failed");
        self.hub.topic::<Event>("good").expect("a topic").publish("good").await.expect("published");
        assert_eq!(next(&mut self.good).await.as_deref(), Some("good"));
        self.faulty.disarm();
        let mut stream = self.bad().subscribe(None).await.expect("a stream");
        self.bad().publish("works").await.expect("published");
        assert_eq!(next(&mut stream).await.as_deref(), Some("works"));
    }
}

/// The data of the next event. `None` at the end of the stream.
async fn next(stream: &mut EventStream) -> Option<String> {
    loop {
        let event = timeout(Duration::from_mins(1), stream.next()).await.expect("an event or the end")?;
        if let Some(data) = event.as_data() {
            return Some(data.to_owned());
        }
    }
}

/// Runs an operation on a task, and expects that it panics.
async fn panics<T: Send + 'static>(operation: impl Future<Output = T> + Send + 'static) {
    let ended = timeout(Duration::from_mins(1), tokio::spawn(operation)).await.expect("an end");
    assert!(ended.err().expect("a panic").is_panic());
}

/// An id of a topic of another hub.
async fn foreign() -> EventId {
    Hub::memory().topic::<Event>("other").expect("a topic").publish("").await.expect("published")
}

const PANICS: [When; 2] = [When::Call, When::Future];

#[tokio::test(start_paused = true)]
async fn a_panic_of_activate_costs_one_subscription() {
    let mut scene = Scene::new().await;
    for when in PANICS {
        scene.faulty.arm("activate", when);
        panics(scene.bad().subscribe(None).into_future()).await;
        scene.check().await;
        scene.hub.remove("bad").await.expect("removed");
    }
}

/// The client leaves while its topic is activated.
#[tokio::test(start_paused = true)]
async fn a_panic_of_a_dropped_activation_costs_nothing() {
    let mut scene = Scene::new().await;
    scene.faulty.arm("activate", When::Drop);
    scene.faulty.hold(true);
    let subscribe = scene.bad().subscribe(None).into_future();
    assert!(timeout(Duration::from_secs(1), subscribe).await.is_err());
    scene.faulty.hold(false);
    sleep(Duration::from_secs(1)).await;
    scene.check().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_publish_costs_one_publish() {
    let mut scene = Scene::new().await;
    let mut stream = scene.bad().subscribe(None).await.expect("a stream");
    for when in PANICS {
        scene.faulty.arm("publish", when);
        let bad = scene.bad();
        panics(async move { bad.publish("lost").await }).await;
        scene.check().await;
        assert_eq!(next(&mut stream).await.as_deref(), Some("works"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_remove_leaves_the_topic() {
    let mut scene = Scene::new().await;
    let mut stream = scene.bad().subscribe(None).await.expect("a stream");
    for when in PANICS {
        scene.faulty.arm("remove", when);
        let hub = scene.hub.clone();
        panics(async move { hub.remove("bad").await }).await;
        scene.check().await;
        assert_eq!(next(&mut stream).await.as_deref(), Some("works"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_before_is_an_error_of_a_subscription() {
    let mut scene = Scene::new().await;
    for number in 0..5 {
        scene.bad().publish(number.to_string()).await.expect("published");
    }
    for when in PANICS {
        scene.faulty.arm("before", when);
        let error = scene.bad().subscribe(None).earliest().await.expect_err("no stream");
        assert!(error.is_unavailable(), "{error}");
        scene.check().await;
    }
}

/// The engine is asked whether the events that the client misses are superseded.
#[tokio::test(start_paused = true)]
async fn a_panic_of_superseded_is_an_error_of_a_subscription() {
    let mut scene = Scene::new().await;
    let bad = scene.bad();
    bad.set_retention(Retention::new().events(3));
    let first = bad.publish_keyed("key", "0").await.expect("published");
    for number in 1..9 {
        bad.publish_keyed("key", number.to_string()).await.expect("published");
    }
    for when in PANICS {
        scene.faulty.arm("superseded", when);
        let error = bad.subscribe(Some(first.clone())).on_lag(OnLag::Latest).await.expect_err("no stream");
        assert!(error.is_unavailable(), "{error}");
        scene.check().await;
    }
}

/// A reader whose next page fails waits, and continues when the engine works again.
#[tokio::test(start_paused = true)]
async fn a_reader_waits_while_before_panics() {
    for when in PANICS {
        let mut scene = Scene::new().await;
        let data = |number: usize| format!("{number}{}", "x".repeat(40_000));
        for number in 0..6 {
            scene.bad().publish(data(number)).await.expect("published");
        }
        let mut stream = scene.bad().subscribe(None).earliest().await.expect("a stream");
        scene.faulty.arm("before", when);
        let mut read = Vec::new();
        while let Ok(event) = timeout(Duration::from_secs(20), stream.next()).await {
            read.extend(event.expect("an open stream").as_data().map(str::to_owned));
        }
        assert!(read.len() < 6);
        scene.check().await;
        while read.len() < 6 {
            read.push(next(&mut stream).await.expect("an open stream"));
        }
        assert_eq!(read, (0..6).map(data).collect::<Vec<_>>());
        assert_eq!(next(&mut stream).await.as_deref(), Some("works"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_refresh_is_an_error_of_a_subscription() {
    let mut scene = Scene::new().await;
    for when in PANICS {
        scene.faulty.arm("refresh", when);
        let error = scene.bad().subscribe(foreign().await).await.expect_err("no stream");
        assert!(error.is_unavailable(), "{error}");
        scene.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_ensure_in_step_costs_one_subscription() {
    let mut scene = Scene::new().await;
    for when in PANICS {
        let _active = scene.bad().subscribe(None).await.expect("a stream");
        let id = scene.bad().publish("seen").await.expect("published");
        scene.bad().publish("missed").await.expect("published");
        scene.faulty.arm("ensure_in_step", when);
        panics(scene.bad().subscribe(id).into_future()).await;
        scene.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_search_costs_its_caller() {
    let mut scene = Scene::new().await;
    for when in PANICS {
        scene.faulty.arm("has", when);
        let hub = scene.hub.clone();
        panics(async move { hub.get::<Event>("unknown").await.map(drop) }).await;
        scene.check().await;
        scene.faulty.arm("name_of", when);
        let (hub, foreign) = (scene.hub.clone(), foreign().await);
        panics(async move { hub.topic_of(&foreign).await.map(drop) }).await;
        scene.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_plain_method_costs_its_caller() {
    let mut scene = Scene::new().await;
    scene.faulty.arm("is_ready", When::Call);
    assert!(catch_unwind(AssertUnwindSafe(|| scene.hub.is_ready())).is_err());
    scene.check().await;
    scene.faulty.arm("fmt", When::Call);
    assert!(catch_unwind(AssertUnwindSafe(|| format!("{:?}", scene.hub))).is_err());
    scene.check().await;
}

/// Subscribes with a body that publishes one event and ends.
async fn feed(topic: &Topic) -> EventStream {
    let fed = topic.fed_by(|topic| async move { topic.publish("fed").await.map(drop) });
    fed.subscribe(None).await.expect("a stream")
}

/// The streams end, and the clients that come back start a body.
#[tokio::test(start_paused = true)]
async fn without_a_right_the_streams_of_a_feed_end() {
    for when in [When::Call, When::Future, When::Error] {
        let mut scene = Scene::new().await;
        scene.faulty.arm("lead", when);
        let mut stream = feed(&scene.bad()).await;
        assert_eq!(next(&mut stream).await, None);
        scene.check().await;
        assert_eq!(next(&mut feed(&scene.bad()).await).await.as_deref(), Some("fed"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_feed_counts_though_the_engine_panics() {
    for (method, when) in
        [("end_feed", When::Call), ("end_feed", When::Future), ("end_feed", When::Error), ("right", When::Drop)]
    {
        let mut scene = Scene::new().await;
        scene.faulty.arm(method, when);
        let mut stream = feed(&scene.bad()).await;
        assert_eq!(next(&mut stream).await.as_deref(), Some("fed"));
        assert_eq!(next(&mut stream).await, None);
        sleep(Duration::from_secs(1)).await;
        scene.check().await;
        assert_eq!(next(&mut feed(&scene.bad()).await).await.as_deref(), Some("fed"));
    }
}

/// The hub deactivates a topic without subscribers, and the guard of the lease panics.
#[tokio::test(start_paused = true)]
async fn a_panic_of_a_lease_costs_nothing() {
    let mut scene = Scene::new().await;
    let bad = scene.bad();
    scene.faulty.arm("lease", When::Drop);
    drop(bad.subscribe(None).await.expect("a stream"));
    assert_eq!(scene.faulty.store.active("bad"), 1);
    for _ in 0..600 {
        if scene.faulty.struck() == 0 {
            sleep(Duration::from_secs(1)).await;
        }
    }
    assert_eq!(scene.faulty.store.active("bad"), 0);
    scene.check().await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_engine_reaches_its_caller() {
    let mut scene = Scene::new().await;
    scene.faulty.arm("publish", When::Error);
    let error = scene.bad().publish("lost").await.expect_err("an error");
    assert!(error.is_unavailable() && !error.is_unknown());
    assert_eq!(error.to_string(), "publish fails on purpose");
    scene.check().await;
    scene.hub.remove("bad").await.expect("removed");
    scene.faulty.arm("activate", When::Error);
    let error = scene.bad().subscribe(None).await.expect_err("an error");
    assert!(error.is_unavailable());
    scene.check().await;
    let error = HubError::unknown("bad", "no answer");
    assert!(error.is_unknown() && !error.is_unavailable());
}
