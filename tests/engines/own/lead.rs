//! A right to run a feed that its engine forgets.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout};
use touka::{Event, EventStream, Hub, HubError, Topic};

use super::faulty::{Faulty, RIGHT, When};

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
