//! Checks of clients that move between nodes.

use super::follower::{Follower, publish_numbers, texts};
use super::nodes::{Nodes, fresh_name, topic, topic_on_two};

/// A client that reconnects to another node again and again gets each event once.
pub(super) async fn a_client_moves_between_nodes(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let mut follower = Follower::of_all(&a).await;
    let publisher = {
        let (a, b) = (a.clone(), b.clone());
        tokio::spawn(async move { publish_numbers(&[&a, &b], 0..400).await })
    };
    let mut seen = Vec::new();
    while seen.len() < 400 {
        let step = (1 + seen.len() % 7).min(400 - seen.len());
        seen.extend(follower.data(step).await);
        follower.move_to(if seen.len() % 2 == 0 { &a } else { &b }).await;
    }
    publisher.await.expect("published");
    assert_eq!(seen, texts(0..400));
}

/// A client of three topics on one stream moves: each topic's events keep their order, and each arrives once.
pub(super) async fn a_client_of_several_topics_moves(nodes: &impl Nodes) {
    const EACH: usize = 60;
    let hubs = [nodes.node().await, nodes.node().await];
    let names = [fresh_name(), fresh_name(), fresh_name()];
    let subscribe = hubs[0].subscribe(&names, None).expect("three topics");
    let mut follower = Follower::of(subscribe, None).await;
    let publisher = {
        let (hubs, names) = (hubs.clone(), names.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                for (index, name) in names.iter().enumerate() {
                    let hub = &hubs[(number + index) % 2];
                    topic(hub, name).publish(format!("{index}:{number}")).await.expect("published");
                }
            }
        })
    };
    // A client that has no id misses what is published before its first position.
    let mut seen: Vec<String> = follower.data(1).await;
    while seen.len() < 3 * EACH {
        let step = (1 + seen.len() % 5).min(3 * EACH - seen.len());
        seen.extend(follower.data(step).await);
        follower.move_to_hub(&hubs[seen.len() % 2], &names).await.expect("a stream");
    }
    publisher.await.expect("published");
    for index in 0..3 {
        let of_topic = seen.iter().filter_map(|text| text.strip_prefix(&format!("{index}:")));
        let expected: Vec<_> = (0..EACH).map(|number| number.to_string()).collect();
        assert_eq!(of_topic.collect::<Vec<_>>(), expected, "topic {index}");
    }
    assert!(follower.last().is_some());
}
