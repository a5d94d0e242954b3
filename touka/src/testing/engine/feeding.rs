//! Checks of feeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::follower::{Follower, Item, publish_numbers, texts};
use super::nodes::{Nodes, topic_on_two};
use crate::topic::Subscribe;
use crate::{Event, Hub, Topic};

/// The state that the bodies of a feed share.
#[derive(Default)]
struct Bodies {
    started: AtomicUsize,
    running: AtomicUsize,
}

/// Subscribes to a topic whose body publishes ten numbers once it may, and fails then if `fails`.
fn subscribe(topic: &Topic, bodies: &Arc<Bodies>, may_publish: &Arc<Semaphore>, fails: bool) -> Subscribe {
    let (bodies, may_publish) = (Arc::clone(bodies), Arc::clone(may_publish));
    let fed = topic.fed_by(move |topic| async move {
        let first = u32::try_from(bodies.started.fetch_add(10, Ordering::SeqCst)).expect("few");
        assert_eq!(bodies.running.fetch_add(1, Ordering::SeqCst), 0, "two bodies run at once");
        may_publish.acquire().await.expect("an open semaphore").forget();
        publish_numbers(&[&topic], first..first + 10).await;
        bodies.running.fetch_sub(1, Ordering::SeqCst);
        if fails { Hub::memory().topic::<Event>("").map(drop) } else { Ok(()) }
    });
    fed.subscribe(None).earliest()
}

/// A body runs once for the subscribers of all nodes, and its end is that of all their streams. The next subscriber starts
/// another one, wherever it comes.
pub(super) async fn a_feed_runs_once_for_all(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let (bodies, may_publish) = (Arc::new(Bodies::default()), Arc::new(Semaphore::new(0)));
    let mut followers = [
        Follower::of(subscribe(&a, &bodies, &may_publish, false), None).await,
        Follower::of(subscribe(&b, &bodies, &may_publish, false), None).await,
    ];
    may_publish.add_permits(1);
    for follower in &mut followers {
        assert_eq!(follower.data(10).await, texts(0..10));
        assert_eq!(follower.next().await, Item::End);
    }
    assert_eq!(bodies.started.load(Ordering::SeqCst), 10);
    let mut follower = Follower::of(subscribe(&b, &bodies, &may_publish, true), None).await;
    may_publish.add_permits(1);
    assert_eq!(follower.data(20).await, texts(0..20));
    assert_eq!(follower.next().await, Item::End);
    assert_eq!(bodies.started.load(Ordering::SeqCst), 20);
}
