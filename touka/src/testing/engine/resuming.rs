//! Checks of clients that reconnect with an id.

use super::follower::{Follower, publish_numbers, texts};
use super::nodes::{Nodes, topic_on_two};
use crate::topic::{OnGap, Retention};
use crate::{EventId, Topic};

/// A client continues after each event and on each node, and gets the rest exactly once without a gap.
pub(super) async fn every_position_resumes(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let ids = publish_numbers(&[&a, &b], 0..40).await;
    for (seen, id) in (1..).zip(&ids) {
        for topic in [&a, &b] {
            let mut follower = Follower::new(topic, Some(id.clone())).await;
            assert_eq!(follower.data(40 - seen).await, texts(u32::try_from(seen).expect("few")..40));
        }
    }
    for topic in [&a, &b] {
        assert_eq!(Follower::of_all(topic).await.data(40).await, texts(0..40));
    }
}

/// A client may come to another node with the id of an event that was published a moment ago.
pub(super) async fn a_fresh_id_is_known_everywhere(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let _active = Follower::new(&b, None).await;
    for number in (0..100).step_by(2) {
        let ids = publish_numbers(&[&a], number..number + 1).await;
        let mut follower = Follower::new(&b, ids.last().cloned()).await;
        publish_numbers(&[&a], number + 1..number + 2).await;
        assert_eq!(follower.data(1).await, [(number + 1).to_string()]);
    }
}

/// A history is replayed that is longer than what a node has in memory, and than what an engine returns at once.
pub(super) async fn a_long_history_is_replayed(nodes: &impl Nodes) {
    const COUNT: u32 = 3000;
    let (a, b) = topic_on_two(nodes).await;
    let keeps_all = Retention::new().bytes(64 * 1024 * 1024);
    a.set_retention(keeps_all);
    b.set_retention(keeps_all);
    let mut live = Follower::new(&a, None).await;
    let padding = "x".repeat(200);
    let (mut ids, mut expected) = (Vec::new(), Vec::new());
    for number in 0..COUNT {
        let text = format!("{number} {padding}");
        ids.push(a.publish(text.clone()).await.expect("published"));
        expected.push(text);
        if number % 100 == 99 {
            assert_eq!(live.data(100).await, expected[expected.len() - 100..]);
        }
    }
    for seen in [1, 2, 700, 1999, 2999_usize] {
        let mut follower = Follower::new(&b, Some(ids[seen - 1].clone())).await;
        assert_eq!(follower.data(expected.len() - seen).await, expected[seen..]);
        publish_numbers(&[&a], 0..1).await;
        assert_eq!(follower.data(1).await, ["0"]);
        expected.push("0".to_owned());
    }
    assert_eq!(Follower::of_all(&b).await.data(expected.len()).await, expected);
}

/// A `gap` event stands exactly where events are no longer retained, and nowhere else.
pub(super) async fn trimmed_events_cause_a_gap(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let keeps_five = Retention::new().events(5);
    a.set_retention(keeps_five);
    b.set_retention(keeps_five);
    let ids = publish_numbers(&[&a, &b], 0..20).await;
    for topic in [&a, &b] {
        for seen in 1..=20_usize {
            let mut follower = Follower::new(topic, Some(ids[seen - 1].clone())).await;
            let from = if seen < 15 {
                follower.assert_gap("trimmed").await;
                15
            } else {
                u32::try_from(seen).expect("few")
            };
            assert_eq!(follower.data((20 - from) as usize).await, texts(from..20), "after {seen} events");
        }
        assert_eq!(Follower::of_all(topic).await.data(5).await, texts(15..20));
    }
}

/// An id that is not of the topic causes a gap, and the stream continues where the reason or the client says.
pub(super) async fn other_ids_cause_a_gap(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let (other, _) = topic_on_two(nodes).await;
    publish_numbers(&[&a, &b], 0..3).await;
    let foreign = publish_numbers(&[&other], 0..1).await.pop();
    for topic in [&a, &b] {
        let mut follower = Follower::new(topic, foreign.clone()).await;
        follower.assert_gap("foreign").await;
        assert_eq!(follower.data(3).await, texts(0..3));
        let garbage = EventId::new("of another server").ok();
        let subscribe = topic.subscribe(garbage.clone()).on_gap(OnGap::Earliest);
        let mut follower = Follower::of(subscribe, garbage.clone()).await;
        follower.assert_gap("malformed").await;
        assert_eq!(follower.data(3).await, texts(0..3));
    }
    let subscribe = b.subscribe(foreign.clone()).on_gap(OnGap::Live);
    let mut follower = Follower::of(subscribe, foreign).await;
    follower.assert_gap("foreign").await;
    publish_numbers(&[&a], 3..4).await;
    assert_eq!(follower.data(1).await, ["3"]);
    // The gap event has the new position: the client comes back without another one.
    follower.move_to(&a).await;
    publish_numbers(&[&b], 4..5).await;
    assert_eq!(follower.data(1).await, ["4"]);
}

/// After a gap, a client gets the state, and then what is published. Cut off in the middle, it gets the state from another
/// node.
pub(super) async fn a_gap_gets_a_snapshot(nodes: &impl Nodes) {
    let (a, b) = topic_on_two(nodes).await;
    let mut reader = Follower::new(&b, None).await;
    publish_numbers(&[&a], 0..3).await;
    assert_eq!(reader.data(3).await, texts(0..3));
    let follow = |topic: &Topic, from: Option<EventId>| {
        topic.subscribe(from).on_gap(OnGap::snapshot(async || ["state", "of all"]))
    };
    let garbage = EventId::new("of another server").ok();
    let mut cut = Follower::of(follow(&a, garbage.clone()), garbage.clone()).await;
    cut.assert_gap("malformed").await;
    let mut follower = Follower::of(follow(&b, cut.last()), cut.last()).await;
    follower.assert_gap("interrupted").await;
    assert_eq!(follower.data(2).await, ["state", "of all"]);
    publish_numbers(&[&a], 3..4).await;
    assert_eq!(follower.data(1).await, ["3"]);
    follower.move_to(&a).await;
    publish_numbers(&[&b], 4..5).await;
    assert_eq!(follower.data(1).await, ["4"]);
}
