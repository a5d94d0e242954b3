//! Checks of topics that are removed.

use super::follower::{Follower, Item, publish_numbers, texts};
use super::nodes::{Nodes, fresh_name, topic};

/// The streams of a removed topic end on each node, and a topic of its name is another one.
pub(super) async fn a_removed_topic_is_gone_everywhere(nodes: &impl Nodes) {
    let (a, b) = (nodes.node().await, nodes.node().await);
    let name = fresh_name();
    let ids = publish_numbers(&[&topic(&a, &name)], 0..3).await;
    let mut followers = [Follower::of_all(&topic(&a, &name)).await, Follower::of_all(&topic(&b, &name)).await];
    for follower in &mut followers {
        assert_eq!(follower.data(3).await, texts(0..3));
    }
    assert!(a.remove(&name).await.expect("removed"), "the topic existed");
    for follower in &mut followers {
        assert_eq!(follower.next().await, Item::End);
    }
    assert!(!b.remove(&name).await.expect("asked"), "the topic is gone already");
    publish_numbers(&[&topic(&b, &name)], 7..8).await;
    for hub in [&a, &b] {
        let mut follower = Follower::new(&topic(hub, &name), ids.last().cloned()).await;
        follower.assert_gap("foreign").await;
        assert_eq!(follower.data(1).await, ["7"]);
    }
}

/// A topic is found by its ids and by its name on each node, until it is removed.
pub(super) async fn a_topic_is_found_by_its_ids(nodes: &impl Nodes) {
    let (a, b) = (nodes.node().await, nodes.node().await);
    let name = fresh_name();
    assert!(b.get::<crate::Event>(&name).await.expect("asked").is_none());
    let id = publish_numbers(&[&topic(&a, &name)], 0..1).await.pop().expect("one id");
    for hub in [&b, &a] {
        assert!(hub.get::<crate::Event>(&name).await.expect("asked").is_some());
        let found = hub.topic_of(&id).await.expect("asked").expect("the topic exists");
        assert_eq!(found.name(), name);
    }
    a.remove(&name).await.expect("removed");
    assert!(a.topic_of(&id).await.expect("asked").is_none());
}
