//! The end of a feed ends the subscriptions that exist at that moment, and no others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use http::StatusCode;
use http_body_util::BodyExt;
use support::Count;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::sleep;
use touka::topic::{OnLag, Retention};
use touka::{CloseReason, EventStream, Hub, Topic};

/// How a body ends.
type End = Result<(), StatusCode>;

/// A body that publishes one event and ends when `end` is sent.
struct Body {
    end: oneshot::Sender<End>,
    stream: EventStream,
    reason: Reason,
}

/// The reason of a stream's end, once it has ended.
#[derive(Clone, Default)]
struct Reason(Arc<Mutex<Option<CloseReason>>>);

impl Reason {
    fn of(stream: EventStream) -> (EventStream, Self) {
        let reason = Self::default();
        let tell = reason.clone();
        let stream = stream.on_close(move |reason| *tell.0.lock().expect("not poisoned") = Some(reason));
        (stream, reason)
    }

    fn get(&self) -> Option<CloseReason> {
        *self.0.lock().expect("not poisoned")
    }
}

/// Subscribes, and starts a body that publishes `text`.
async fn feed(topic: &Topic, text: &str) -> Body {
    let (end, told) = oneshot::channel();
    let text = text.to_owned();
    let fed = topic.fed_by(move |topic| async move {
        topic.publish(text).await.map_err(|_| StatusCode::CONFLICT)?;
        told.await.unwrap_or(Ok(()))
    });
    let (stream, reason) = Reason::of(fed.subscribe(None).await.expect("the stream opens"));
    settle().await;
    Body { end, stream, reason }
}

/// Lets all tasks run: a paused clock advances once every task is idle.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// The data of all events that a client gets, without the end of an unnamed event's block.
async fn sent(stream: EventStream) -> Vec<String> {
    let bytes = stream.into_response().into_body().collect().await.expect("a stream cannot fail").to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(ToOwned::to_owned).collect()
}

const BAD_GATEWAY: &str = r#"{"status":502,"title":"Bad Gateway"}"#;

#[tokio::test(start_paused = true)]
async fn each_slow_reader_stops_at_the_end_of_its_own_feed() {
    let topic: Topic = Hub::memory().topic("a").unwrap();
    let mut bodies = Vec::new();
    // The readers read nothing until the last of these bodies has ended.
    for (number, end) in
        [Err(StatusCode::BAD_GATEWAY), Ok(()), Err(StatusCode::BAD_GATEWAY), Ok(())].into_iter().enumerate()
    {
        let Body { end: ends, stream, reason } = feed(&topic, &number.to_string()).await;
        ends.send(end).expect("the body waits for its end");
        settle().await;
        bodies.push((number, end, stream, reason));
    }
    for (number, end, stream, reason) in bodies {
        let mut expected = vec![number.to_string()];
        expected.extend(end.err().map(|_| BAD_GATEWAY.to_owned()));
        assert_eq!(sent(stream).await, expected, "reader {number}");
        let expected = if end.is_ok() { CloseReason::Completed } else { CloseReason::Failed };
        assert_eq!(reason.get(), Some(expected), "reader {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_at_a_failed_end_gets_that_end_and_not_the_next() {
    let topic: Topic = Hub::memory().topic("a").unwrap();
    let mut first = feed(&topic, "1").await;
    // The reader has read everything, and is not polled while a second body begins and ends.
    let _position = first.stream.next().await;
    assert_eq!(first.stream.next().await.unwrap().as_data(), Some("1"));
    first.end.send(Err(StatusCode::BAD_GATEWAY)).unwrap();
    settle().await;
    let second = feed(&topic, "2").await;
    second.end.send(Ok(())).unwrap();
    settle().await;
    assert_eq!(sent(first.stream).await, [BAD_GATEWAY]);
    assert_eq!(first.reason.get(), Some(CloseReason::Failed));
    assert_eq!(sent(second.stream).await, ["2"]);
    assert_eq!(second.reason.get(), Some(CloseReason::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_after_an_end_follows_the_topic() {
    let hub = Hub::memory();
    let topic: Topic = hub.topic("a").unwrap();
    let body = feed(&topic, "1").await;
    body.end.send(Ok(())).unwrap();
    settle().await;
    assert_eq!(sent(body.stream).await, ["1"]);

    let mut later = topic.subscribe(None).await.unwrap();
    let _position = later.next().await.expect("its position");
    assert!(later.next().now_or_never().is_none(), "nothing has ended for it");
    let mut merged = hub.subscribe(["a", "b"], None).unwrap().await.unwrap();
    let _position = merged.next().await.expect("its position");
    assert!(merged.next().now_or_never().is_none(), "nothing has ended for it");
    topic.publish("by hand").await.unwrap();
    assert_eq!(later.next().await.unwrap().as_data(), Some("by hand"));
    assert_eq!(merged.next().await.unwrap().as_data(), Some("by hand"));

    // The next end applies to these subscribers.
    let body = feed(&topic, "2").await;
    body.end.send(Ok(())).unwrap();
    assert_eq!(later.next().await.unwrap().as_data(), Some("2"));
    assert!(later.next().await.is_none());
    // A stream of several topics goes on with the others.
    assert_eq!(merged.next().await.unwrap().as_data(), Some("2"));
    assert!(merged.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_skips_stops_at_its_end_too() {
    let topic = Hub::memory().topic::<touka::Event>("a").unwrap();
    topic.set_retention(Retention::new().events(2));
    let body = feed(&topic, "1").await;
    let (slow, reason) = Reason::of(topic.subscribe(None).on_lag(OnLag::Skip).await.unwrap());
    topic.publish("2").await.unwrap();
    topic.publish("3").await.unwrap();
    topic.publish("4").await.unwrap();
    body.end.send(Err(StatusCode::BAD_GATEWAY)).unwrap();
    settle().await;
    let next = feed(&topic, "5").await;
    let told = sent(slow).await;
    assert!(told[0].contains("lagged"), "{told:?}");
    assert_eq!(told[1..], [BAD_GATEWAY]);
    assert_eq!(reason.get(), Some(CloseReason::Failed));
    drop(next);
}

/// A runtime of its own, which ends with its tasks.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn a_feed_runs_again_after_its_runtime_has_ended() {
    let topic: Topic = Hub::memory().topic("a").unwrap();
    let (started, alive) = (Count::default(), Count::default());
    let fed = || {
        let (started, alive) = (started.clone(), alive.clone());
        topic.fed_by(move |topic| async move {
            let _alive = alive.hold();
            started.add();
            let _ = topic.publish(started.get().to_string()).await;
            std::future::pending::<()>().await;
        })
    };
    let mut streams = Vec::new();
    for number in 1..=3 {
        let runtime = runtime();
        let (stream, reason) = Reason::of(runtime.block_on(fed().subscribe(None).into_future()).unwrap());
        let mut stream = stream.skip(1);
        let event = runtime.block_on(stream.next()).expect("the body's event");
        assert_eq!(event.as_data(), Some(&*number.to_string()));
        assert_eq!((started.get(), alive.get()), (number, 1));
        drop(runtime);
        assert_eq!(alive.get(), 0);
        streams.push((stream, reason));
    }
    // Readers are notified that no body feeds them any more.
    for (mut stream, reason) in streams {
        assert!(runtime().block_on(stream.next()).is_none());
        drop(stream);
        assert_eq!(reason.get(), Some(CloseReason::Shutdown));
    }
}

#[test]
fn a_feed_whose_task_was_never_polled_runs_again() {
    let topic: Topic = Hub::memory().topic("a").unwrap();
    let first = runtime();
    let entered = first.enter();
    // The body is spawned, and the runtime ends before it has begun.
    let stream = topic.fed_by(|_| async {}).subscribe(None).into_future().now_or_never().unwrap().unwrap();
    drop(entered);
    drop(first);
    drop(stream);
    let second = runtime();
    let fed = topic.fed_by(|topic| async move {
        let _ = topic.publish("again").await;
    });
    let mut stream = second.block_on(fed.subscribe(None).into_future()).unwrap().skip(1);
    assert_eq!(second.block_on(stream.next()).unwrap().as_data(), Some("again"));
}

/// Without a runtime no body can run: the streams end, and a later subscriber in a runtime starts one.
#[test]
fn a_feed_without_a_runtime_ends_its_streams() {
    let topic: Topic = Hub::memory().topic("a").unwrap();
    let stream = topic.fed_by(|_| async {}).subscribe(None).into_future().now_or_never().unwrap().unwrap();
    assert!(stream.skip(1).next().now_or_never().unwrap().is_none());
    let fed = topic.fed_by(|topic| async move {
        let _ = topic.publish("runs").await;
    });
    let runtime = runtime();
    let mut stream = runtime.block_on(fed.subscribe(None).into_future()).unwrap().skip(1);
    assert_eq!(runtime.block_on(stream.next()).unwrap().as_data(), Some("runs"));
}

/// A `latest` reader gets no gap for trimmed events that newer events of their key replace.
#[tokio::test(start_paused = true)]
async fn replaced_events_of_a_key_are_no_gap() {
    let topic = Hub::memory().topic::<touka::Event>("a").unwrap();
    topic.set_retention(Retention::new().events(2));
    topic.publish_keyed("x", "x0").await.unwrap();
    let id = topic.publish_keyed("y", "y0").await.unwrap();
    for number in 1..9 {
        topic.publish_keyed("x", format!("x{number}")).await.unwrap();
        topic.publish_keyed("y", format!("y{number}")).await.unwrap();
    }
    let follow = async |id: &touka::EventId| {
        let mut stream = topic.subscribe(id.clone()).on_lag(OnLag::Latest).await.unwrap();
        let mut got = Vec::new();
        while let Some(Some(event)) = stream.next().now_or_never() {
            got.push(
                event.as_event().map_or_else(|| event.as_data().unwrap_or("position").to_owned(), ToString::to_string),
            );
        }
        got
    };
    assert_eq!(follow(&id).await, ["position", "x8", "y8"]);
    // The newest event of one key is trimmed: now something is missing.
    topic.publish_keyed("z", "z").await.unwrap();
    topic.publish_keyed("y", "y9").await.unwrap();
    assert_eq!(follow(&id).await, ["gap", "z", "y9"]);
}

/// Events after a reader's end are not for it, so they replace no earlier event of their key for that reader.
#[tokio::test(start_paused = true)]
async fn the_newest_of_each_key_is_taken_up_to_the_readers_end() {
    for (kept, expected) in [(10, ["position", "of the first"]), (1, ["position", "gap"])] {
        let topic = Hub::memory().topic::<touka::Event>("a").unwrap();
        topic.set_retention(Retention::new().events(kept));
        let (end, told) = tokio::sync::oneshot::channel::<()>();
        let fed = topic.fed_by(|_| async { drop(told.await) });
        let stream = fed.subscribe(None).on_lag(OnLag::Latest).await.unwrap();
        topic.publish_keyed("x", "before").await.unwrap();
        topic.publish_keyed("x", "of the first").await.unwrap();
        end.send(()).unwrap();
        settle().await;
        topic.publish_keyed("x", "of the second").await.unwrap();
        let said = |event: touka::Event| {
            let name = event.as_event().map(ToString::to_string);
            name.unwrap_or_else(|| event.as_data().unwrap_or("position").to_owned())
        };
        let got: Vec<_> = stream.map(said).collect().await;
        assert_eq!(got, expected);
    }
}
