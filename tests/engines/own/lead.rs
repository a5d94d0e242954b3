//! Rights to run feeds: one that its engine forgets, one that lasts, and one that is lost before the body ends.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use touka::{Event, EventStream, Hub, HubError, Topic};

use super::faulty::{Faulty, RIGHT, When};
use super::store::Store;

/// Subscribes with a body that publishes its name, and goes on.
async fn feed(topic: &Topic, name: &'static str) -> EventStream {
    let fed = topic.fed_by(move |topic| async move {
        topic.publish(name).await?;
        std::future::pending::<()>().await;
        Ok::<_, HubError>(())
    });
    fed.subscribe(None).await.expect("a stream")
}

/// The data of the next event. `None` at the end of the stream.
async fn next(stream: &mut EventStream) -> Option<String> {
    loop {
        let event = timeout(RIGHT + Duration::from_mins(1), stream.next()).await.expect("an event or the end")?;
        if let Some(data) = event.as_data() {
            return Some(data.to_owned());
        }
    }
}

/// A right that its engine neither extends nor ends is lost when its time is over. Then the body of another subscriber runs, and without
/// one the streams end: their clients come back with a body.
#[tokio::test(start_paused = true)]
async fn a_right_that_nobody_extends_is_lost_in_time() {
    let faulty = Faulty::new();
    let topic = Hub::builder().engine(faulty.clone()).topic::<Event>("bad").expect("a topic");
    faulty.arm("extend", When::Error);
    let began = Instant::now();
    let mut one = feed(&topic, "one").await;
    assert_eq!(next(&mut one).await.as_deref(), Some("one"));
    let mut two = feed(&topic, "two").await;
    assert_eq!(next(&mut one).await.as_deref(), Some("two"));
    assert!(began.elapsed() >= RIGHT);
    assert_eq!((next(&mut one).await, next(&mut two).await.as_deref()), (None, Some("two")));
    assert_eq!(next(&mut two).await, None);
    assert!(began.elapsed() >= RIGHT * 2);
    faulty.disarm();
    assert_eq!(next(&mut feed(&topic, "three").await).await.as_deref(), Some("three"));
}

/// An engine gives rights that are lost already, and then one that is not. The body has waited.
#[tokio::test(start_paused = true)]
async fn a_right_that_is_lost_at_once_is_asked_for_again_later() {
    let faulty = Faulty::new();
    let topic = Hub::builder().engine(faulty.clone()).topic::<Event>("bad").expect("a topic");
    faulty.arm("lost", When::Error);
    let mut one = feed(&topic, "one").await;
    sleep(Duration::from_secs(20)).await;
    assert!((2..=21).contains(&faulty.struck()), "{}", faulty.struck());
    faulty.disarm();
    assert_eq!(next(&mut one).await.as_deref(), Some("one"));
}

/// A right without a limit of time lasts as long as its guard.
#[tokio::test(start_paused = true)]
async fn a_right_without_a_limit_lasts() {
    let topic = Hub::builder().engine(Store::default()).topic::<Event>("feed").expect("a topic");
    let fed = topic.fed_by(|topic| async move {
        loop {
            topic.publish("again").await?;
            sleep(RIGHT / 2).await;
        }
        #[expect(unreachable_code, reason = "the type of the body's errors")]
        Ok::<_, HubError>(())
    });
    let mut stream = fed.subscribe(None).await.expect("a stream");
    for _ in 0..9 {
        assert_eq!(next(&mut stream).await.as_deref(), Some("again"));
    }
}

/// The body ends after another process has got the right. That end does not count; and when the other process has died, the
/// body of another subscriber runs, or the streams end.
#[tokio::test(start_paused = true)]
async fn a_process_whose_end_comes_too_late_asks_for_the_right_again() {
    for has_spare in [false, true] {
        let store = Store::default();
        let topic = Hub::builder().engine(store.clone()).topic::<Event>("feed").expect("a topic");
        let (end, ends) = oneshot::channel::<()>();
        let fed = topic.fed_by(|topic| async move {
            topic.publish("one").await?;
            let _ = ends.await;
            Ok::<_, HubError>(())
        });
        let mut one = fed.subscribe(None).await.expect("a stream");
        assert_eq!(next(&mut one).await.as_deref(), Some("one"));
        let two = if has_spare { Some(feed(&topic, "two").await) } else { None };
        store.take_lead("feed");
        end.send(()).expect("a body that runs");
        // The stream goes on with the events of the other process.
        sleep(Duration::from_secs(20)).await;
        topic.publish("other").await.expect("published");
        assert_eq!(next(&mut one).await.as_deref(), Some("other"));
        store.free_lead("feed");
        assert_eq!(next(&mut one).await.as_deref(), has_spare.then_some("two"));
        drop(two);
    }
}
