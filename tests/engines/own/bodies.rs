//! The bodies of feeds: when they start, and what it costs if they panic when they are dropped.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use support::Count;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use touka::topic::OnGap;
use touka::{Event, EventStream, Hub, HubError, Topic};

use super::faulty::Faulty;
use super::store::Store;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor panics on purpose");
    }
}

/// Subscribes with a body that panics when it is dropped, whether it has started or not.
async fn subscribe_with_a_bomb(topic: &Topic) -> EventStream {
    let bomb = Bomb;
    let fed = topic.fed_by(move |topic| async move {
        let _bomb = bomb;
        topic.publish("bomb").await?;
        std::future::pending::<()>().await;
        Ok::<_, HubError>(())
    });
    fed.subscribe(None).await.expect("a stream")
}

/// Subscribes with a body that counts itself, and goes on until `end`.
async fn subscribe(topic: &Topic, started: &Count, end: oneshot::Receiver<()>) -> EventStream {
    let started = started.clone();
    let fed = topic.fed_by(move |topic| async move {
        started.add();
        topic.publish("started").await?;
        let _ = end.await;
        Ok::<_, HubError>(())
    });
    fed.subscribe(None).await.expect("a stream")
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

/// The second body is kept in reserve. The third subscriber replaces it, and must not pay for that. Then the first body and
/// the one in reserve are dropped at once.
#[tokio::test(start_paused = true)]
async fn bodies_that_panic_when_they_are_dropped_cost_nothing() {
    let topic = Hub::builder().engine(Store::default()).topic::<Event>("feed").expect("a topic");
    let streams =
        [subscribe_with_a_bomb(&topic).await, subscribe_with_a_bomb(&topic).await, subscribe_with_a_bomb(&topic).await];
    for mut stream in streams {
        assert_eq!(next(&mut stream).await.as_deref(), Some("bomb"));
    }
    sleep(Duration::from_secs(20)).await;
    let (started, (_end, ends)) = (Count::default(), oneshot::channel());
    assert_eq!(next(&mut subscribe(&topic, &started, ends).await).await.as_deref(), Some("started"));
}

#[test]
fn bodies_that_panic_at_a_shutdown_cost_nothing() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut streams = runtime.block_on(async {
        let topic = Hub::builder().engine(Store::default()).topic::<Event>("feed").expect("a topic");
        let mut streams = [subscribe_with_a_bomb(&topic).await, subscribe_with_a_bomb(&topic).await];
        assert_eq!(next(&mut streams[0]).await.as_deref(), Some("bomb"));
        streams
    });
    drop(runtime);
    assert_eq!(streams[0].next().now_or_never(), Some(None));
}

/// The client leaves while its topic is activated.
#[tokio::test(start_paused = true)]
async fn values_that_panic_when_their_client_leaves_cost_nothing() {
    let faulty = Faulty::new();
    let topic = Hub::builder().engine(faulty.clone()).topic::<Event>("bad").expect("a topic");
    faulty.hold(true);
    let (in_body, in_test, in_snapshot) = (Bomb, Bomb, std::sync::Arc::new(Bomb));
    let fed = topic.fed_by(move |_| async move {
        let _held = &in_body;
    });
    let snapshot = OnGap::snapshot(async move || {
        let _held = &in_snapshot;
        ["x"]
    });
    let is_last = move |_: &Event| {
        let _held = &in_test;
        false
    };
    let subscribe = fed.subscribe(None).on_gap(snapshot).until(is_last);
    assert!(timeout(Duration::from_secs(1), subscribe.into_future()).await.is_err());
    faulty.hold(false);
    assert!(topic.subscribe(None).await.is_ok());
}

/// The last client of a process leaves while the process waits for the right. It gets the right before its time without a
/// client is over.
#[tokio::test(start_paused = true)]
async fn no_body_starts_without_a_client() {
    let store = Store::default();
    let [a, b] =
        [store.clone(), store].map(|store| Hub::builder().engine(store).topic::<Event>("feed").expect("a topic"));
    let (started, late) = (Count::default(), Count::default());
    let [(_a, end_a), (_b, end_b), (_c, end_c)] = [(); 3].map(|()| oneshot::channel());
    let mut of_a = subscribe(&a, &started, end_a).await;
    assert_eq!(next(&mut of_a).await.as_deref(), Some("started"));
    let of_b = subscribe(&b, &late, end_b).await;
    drop(of_a);
    sleep(Duration::from_secs(4)).await;
    drop(of_b);
    // The first process gives up the right after a second.
    sleep(Duration::from_secs(20)).await;
    assert_eq!(late.get(), 0);
    let mut back = subscribe(&b, &late, end_c).await;
    assert_eq!(next(&mut back).await.as_deref(), Some("started"));
    assert_eq!(late.get(), 1);
}

/// A feed ends while another process waits for the right, with a client or without one: then it is over there, too. The
/// process learns of the end before it gets the right, or asks the store then.
#[tokio::test(start_paused = true)]
async fn a_feed_that_ends_elsewhere_starts_no_other_body() {
    for (is_late, leaves) in [(false, true), (false, false), (true, true), (true, false)] {
        let store = Store::default();
        if is_late {
            store.delay_ends();
        }
        let [a, b] =
            [store.clone(), store].map(|store| Hub::builder().engine(store).topic::<Event>("feed").expect("a topic"));
        let (started, late) = (Count::default(), Count::default());
        let [(end, end_a), (_b, end_b)] = [(); 2].map(|()| oneshot::channel());
        let mut of_a = subscribe(&a, &started, end_a).await;
        assert_eq!(next(&mut of_a).await.as_deref(), Some("started"));
        let mut of_b = Some(subscribe(&b, &late, end_b).await);
        sleep(Duration::from_secs(1)).await;
        of_b.take_if(|_| leaves);
        sleep(Duration::from_secs(1)).await;
        end.send(()).expect("a body that runs");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(late.get(), 0, "late: {is_late}, leaves: {leaves}");
        if let Some(mut of_b) = of_b {
            assert_eq!(next(&mut of_b).await, None);
        }
    }
}
