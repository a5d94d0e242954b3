//! Checks of subscribers that stay connected.

use std::collections::HashMap;

use super::follower::{Follower, publish_anew, publish_numbers, texts};
use super::nodes::{Nodes, fresh_name, topic, topic_on_two};
use crate::topic::OnLag;

/// All subscribers see one order of the events of several publishers, in which each publisher's events keep theirs.
pub(super) async fn one_order_for_all(nodes: &impl Nodes) {
    const EACH: usize = 50;
    let (a, b) = topic_on_two(nodes).await;
    let mut followers = [Follower::new(&a, None).await, Follower::new(&b, None).await, Follower::new(&b, None).await];
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let topic = if publisher % 2 == 0 { a.clone() } else { b.clone() };
            tokio::spawn(async move {
                for number in 0..EACH {
                    topic.publish(format!("{publisher}:{number}")).await.expect("published");
                }
            })
        })
        .collect();
    let first = followers[0].data(4 * EACH).await;
    for other in &mut followers[1..] {
        assert_eq!(other.data(4 * EACH).await, first, "two subscribers have seen different orders");
    }
    for publisher in publishers {
        publisher.await.expect("the publisher has published all");
    }
    let mut counts = HashMap::new();
    for event in &first {
        let (publisher, number) = event.split_once(':').expect("two numbers");
        let count: &mut usize = counts.entry(publisher).or_default();
        assert_eq!(number, count.to_string(), "an event of publisher {publisher} is out of order");
        *count += 1;
    }
}

/// Events of any size arrive unchanged.
pub(super) async fn large_events_arrive(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let mut follower = Follower::new(&b, None).await;
    for length in [0, 1, 1000, 70_000, 1_000_000] {
        let text = "x".repeat(length) + "end";
        a.publish(text.clone()).await.expect("published");
        assert_eq!(follower.data(1).await, [text]);
    }
}

/// Many topics do not disturb each other.
pub(super) async fn topics_are_apart(nodes: &impl Nodes) {
    let (a, b) = (nodes.node().await, nodes.node().await);
    let names: Vec<_> = (0..20).map(|_| fresh_name()).collect();
    let mut followers = Vec::new();
    for name in &names {
        followers.push(Follower::new(&topic(&b, name), None).await);
    }
    for round in 0..5 {
        for name in &names {
            topic(&a, name).publish(format!("{name} {round}")).await.expect("published");
        }
    }
    for (name, follower) in names.iter().zip(&mut followers) {
        let expected: Vec<_> = (0..5).map(|round| format!("{name} {round}")).collect();
        assert_eq!(follower.data(5).await, expected);
    }
}

/// Names may have characters that have a meaning for engines.
pub(super) async fn any_name_is_a_topic(nodes: &impl Nodes) {
    let (a, b) = (nodes.node().await, nodes.node().await);
    let base = fresh_name();
    for name in ["{", "}", "%7B", "a b", "a.b.>", "*", "ä\u{1F980}", "\n", "\0"] {
        let name = base.clone() + name;
        let mut follower = Follower::new(&topic(&b, &name), None).await;
        topic(&a, &name).publish("arrived").await.expect("published");
        assert_eq!(follower.data(1).await, ["arrived"]);
    }
}

/// A subscriber that wants only the newest event of each key gets those, wherever they were published.
pub(super) async fn keys_supersede(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    for number in 0..6 {
        let topic = if number % 2 == 0 { &a } else { &b };
        let key = if number < 3 { "first" } else { "second" };
        topic.publish_keyed(key, number.to_string()).await.expect("published");
    }
    let subscribe = b.subscribe(None).earliest().on_lag(OnLag::Latest);
    assert_eq!(Follower::of(subscribe, None).await.data(2).await, ["2", "5"]);
    let mut all = Follower::of_all(&a).await;
    assert_eq!(all.data(6).await, texts(0..6));
    publish_numbers(&[&b], 6..7).await;
    assert_eq!(all.data(1).await, ["6"]);
}

/// An event with a known idempotency key is not published again, on whatever node, and however many try at once.
pub(super) async fn a_key_of_idempotency_counts_everywhere(nodes: &impl Nodes) {
    let (hubs, name) = ([nodes.node().await, nodes.node().await], fresh_name());
    let (a, b) = (topic(&hubs[0], &name), topic(&hubs[1], &name));
    let mut follower = Follower::new(&b, None).await;
    let publishes: Vec<_> = (0..10)
        .map(|number| {
            let topic = if number % 2 == 0 { a.clone() } else { b.clone() };
            tokio::spawn(async move { topic.publish_once("key", "first").await.expect("published") })
        })
        .collect();
    let mut ids = Vec::new();
    for publish in publishes {
        ids.push(publish.await.expect("no panic"));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "one event has several ids");
    a.publish_once("other key", "second").await.expect("published");
    assert_eq!(b.publish_once("key", "not published").await.expect("known"), ids[0]);
    publish_numbers(&[&a], 0..1).await;
    assert_eq!(follower.data(3).await, ["first", "second", "0"]);
    hubs[0].remove(&name).await.expect("removed");
    let anew = publish_anew(&hubs[1], &name, |topic| async move { topic.publish_once("key", "anew").await }).await;
    assert_ne!(anew, ids[0], "the key of a removed topic is still known");
}
