//! Checks of topics that are closed by a last event.

use http::StatusCode;
use tokio::task::coop::consume_budget;

use super::follower::{Follower, Item, publish_anew, publish_numbers, texts};
use super::nodes::{Nodes, fresh_name, topic, topic_on_two};
use crate::topic::{HubError, Retention};
use crate::{EventId, Topic};

/// Asserts that a client gets these events, and then the end of its stream.
async fn assert_rest(follower: &mut Follower, expected: &[String]) {
    assert_eq!(follower.data(expected.len()).await, expected);
    assert_eq!(follower.next().await, Item::End, "after {expected:?}");
}

/// Asserts that a client that has seen the last event is told not to come back.
async fn assert_over(topic: &Topic, last: &EventId) {
    let mut follower = Follower::new(topic, Some(last.clone())).await;
    assert_eq!(follower.next().await, Item::End, "the client has seen all");
    let response = topic.subscribe(last.clone()).await.expect("a stream").into_response();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

fn assert_closed(published: Result<EventId, HubError>) {
    let error = published.expect_err("the topic takes no more events");
    assert!(error.is_closed(), "the topic is closed, so this is another error: {error:?}");
}

fn with_last(numbers: std::ops::Range<u32>) -> Vec<String> {
    texts(numbers).into_iter().chain(["last".to_owned()]).collect()
}

/// All clients get the last event and then the end, whether they were there or come later, and on whatever node.
pub(super) async fn a_closing_ends_all_streams(nodes: &impl Nodes) {
    let (hubs, name) = ([nodes.node().await, nodes.node().await, nodes.node().await], fresh_name());
    let [a, b, late] = hubs.each_ref().map(|hub| topic(hub, &name));
    let ids = publish_numbers(&[&a, &b], 0..5).await;
    let mut present =
        [Follower::of_all(&a).await, Follower::of_all(&b).await, Follower::new(&b, Some(ids[1].clone())).await];
    let last = a.close("last").await.expect("closed");
    for (follower, from) in present.iter_mut().zip([0, 0, 2]) {
        assert_rest(follower, &with_last(from..5)).await;
        assert_eq!(follower.last().as_ref(), Some(&last));
    }
    for topic in [&late, &a, &b] {
        assert_rest(&mut Follower::new(topic, None).await, &with_last(0..0)).await;
        assert_rest(&mut Follower::of_all(topic).await, &with_last(0..5)).await;
        for (seen, id) in (1..).zip(&ids) {
            assert_rest(&mut Follower::new(topic, Some(id.clone())).await, &with_last(seen..5)).await;
        }
        assert_over(topic, &last).await;
        let mut lost = Follower::new(topic, EventId::new("of another server").ok()).await;
        lost.assert_gap("malformed").await;
        assert_rest(&mut lost, &with_last(0..0)).await;
    }
}

/// A closed topic takes no event, on all nodes that have read it since. The idempotency keys of its events still count.
pub(super) async fn a_closed_topic_takes_no_event(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let known = a.publish_once("key", "0").await.expect("published");
    let mut followers = [Follower::of_all(&a).await, Follower::of_all(&b).await];
    let last = b.close("last").await.expect("closed");
    for follower in &mut followers {
        assert_rest(follower, &with_last(0..1)).await;
    }
    for topic in [&a, &b] {
        assert!(topic.is_closed());
        assert_closed(topic.publish("late").await);
        assert_closed(topic.publish_keyed("key", "late").await);
        assert_closed(topic.publish_once("another", "late").await);
        assert_closed(topic.close("late").await);
        assert_eq!(topic.publish_once("key", "late").await.expect("known"), known);
        assert_over(topic, &last).await;
        assert_rest(&mut Follower::of_all(topic).await, &with_last(0..1)).await;
    }
}

/// The last event may be the only one, and it stays when a topic keeps few events.
pub(super) async fn the_last_event_is_kept(nodes: &impl Nodes) {
    for count in [0, 20] {
        let (a, b) = topic_on_two(nodes).await;
        let keeps_five = Retention::new().events(5);
        a.set_retention(keeps_five);
        b.set_retention(keeps_five);
        let ids = publish_numbers(&[&a, &b], 0..count).await;
        let last = b.close("last").await.expect("closed");
        for topic in [&a, &b] {
            assert_rest(&mut Follower::of_all(topic).await, &with_last(count.saturating_sub(4)..count)).await;
            assert_over(topic, &last).await;
            if let Some(first) = ids.first() {
                let mut behind = Follower::new(topic, Some(first.clone())).await;
                behind.assert_gap("trimmed").await;
                assert_rest(&mut behind, &with_last(16..20)).await;
            }
            assert_closed(topic.publish("late").await);
        }
    }
}

/// Of many who close a topic at the same time, one succeeds, and all clients get the event of that one.
pub(super) async fn one_of_many_closings_succeeds(nodes: &impl Nodes) {
    for _ in 0..5 {
        let (a, b) = topic_on_two(nodes).await;
        let mut followers = [Follower::new(&a, None).await, Follower::new(&b, None).await];
        let closings: Vec<_> = (0..10)
            .map(|number| {
                let topic = if number % 2 == 0 { a.clone() } else { b.clone() };
                tokio::spawn(async move { topic.close(number.to_string()).await })
            })
            .collect();
        let mut closed = Vec::new();
        for (number, closing) in closings.into_iter().enumerate() {
            match closing.await.expect("no panic") {
                Ok(id) => closed.push((number.to_string(), id)),
                Err(error) => assert!(error.is_closed(), "{error:?}"),
            }
        }
        let [(text, id)] = &closed[..] else { panic!("one of the closings succeeds, not {closed:?}") };
        for follower in &mut followers {
            assert_rest(follower, std::slice::from_ref(text)).await;
            assert_eq!(follower.last().as_ref(), Some(id));
        }
    }
}

/// Events that are published while a topic is closed come before the last one for all clients, or for none.
pub(super) async fn publishes_race_with_the_closing(nodes: &impl Nodes) {
    const BEFORE: usize = 5;
    let (a, b) = topic_on_two(nodes).await;
    let mut followers = [Follower::of_all(&a).await, Follower::of_all(&b).await, Follower::of_all(&b).await];
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let topic = if publisher % 2 == 0 { a.clone() } else { b.clone() };
            tokio::spawn(async move {
                for number in 0_usize.. {
                    match topic.publish(format!("{publisher}:{number}")).await {
                        Ok(_) => {}
                        Err(error) if error.is_closed() => return number,
                        Err(error) => panic!("event {number} is neither published nor late: {error:?}"),
                    }
                    // In memory a publish is ready at once, and must not keep the thread from the others.
                    consume_budget().await;
                }
                unreachable!("the topic is closed before")
            })
        })
        .collect();
    let mut seen = followers[0].data(4 * BEFORE).await;
    let last = a.close("last").await.expect("closed");
    while let Item::Data(data) = followers[0].next().await {
        seen.push(data);
    }
    assert_eq!(seen.last().map(String::as_str), Some("last"));
    for follower in &mut followers[1..] {
        assert_rest(follower, &seen).await;
    }
    for (publisher, published) in publishers.into_iter().enumerate() {
        let published = published.await.expect("the publisher has seen that the topic is closed");
        let prefix = format!("{publisher}:");
        let numbers: Vec<_> = seen.iter().filter_map(|data| data.strip_prefix(&prefix)).collect();
        // A node that has not heard of the closing may take a few events that no client gets.
        assert!(numbers.len() <= published);
        let expected: Vec<_> = (0..numbers.len()).map(|number| number.to_string()).collect();
        assert_eq!(numbers, expected, "events of publisher {publisher}");
    }
    for topic in [&a, &b] {
        assert_rest(&mut Follower::of_all(topic).await, &seen).await;
        assert_over(topic, &last).await;
    }
    let (fresh, late) = (nodes.node().await, nodes.node().await);
    assert_rest(&mut Follower::of_all(&topic(&fresh, a.name())).await, &seen).await;
    assert_over(&topic(&late, a.name()), &last).await;
}

/// The name of a closed topic is free once the topic is removed.
pub(super) async fn a_closed_topic_is_removed(nodes: &impl Nodes) {
    let (hubs, name) = ([nodes.node().await, nodes.node().await], fresh_name());
    for round in 0..2 {
        let name = format!("{name}/{round}");
        let [a, b] = hubs.each_ref().map(|hub| topic(hub, &name));
        publish_numbers(&[&a], 0..1).await;
        let mut follower = Follower::of_all(&b).await;
        assert_eq!(follower.data(1).await, ["0"]);
        let last = a.close("last").await.expect("closed");
        assert_rest(&mut follower, &with_last(0..0)).await;
        assert!(hubs[round].remove(&name).await.expect("removed"), "the topic existed");
        for hub in &hubs {
            publish_anew(hub, &name, |topic| async move { topic.publish("0").await }).await;
            let topic = topic(hub, &name);
            assert!(!topic.is_closed());
            let mut follower = Follower::new(&topic, Some(last.clone())).await;
            follower.assert_gap("foreign").await;
            assert_eq!(follower.data(1).await, ["0"]);
        }
    }
}
