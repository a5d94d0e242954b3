//! Topics against a simple oracle, at random: after any sequence of publishing, trimming, reading, stalling,
//! disconnecting and resuming, every client has exactly the events that the list of all events says, and a
//! gap event stands exactly where something is missing.

mod driver;
mod gap;
mod newest;
mod oracle;
mod world;

use driver::Place;
use proptest::prelude::*;
use touka::topic::OnLag;
use world::World;

const TOPICS: [&str; 3] = ["a", "b", "c"];
const CLIENTS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Publish {
        topic: usize,
        key: Option<u8>,
        times: usize,
    },
    Retain {
        topic: usize,
        events: usize,
        bytes: usize,
    },
    /// Each topic's bit is set if it is followed.
    Connect {
        client: usize,
        topics: usize,
        on_lag: OnLag,
        max_lag: Option<usize>,
        from: From,
    },
    /// A client that does not read is stalled.
    Read {
        client: usize,
        times: usize,
    },
    Disconnect {
        client: usize,
    },
    /// The client follows one topic, and starts a body if none feeds it.
    Feed {
        client: usize,
        topic: usize,
    },
    EndFeed {
        topic: usize,
        failed: bool,
    },
    Reconnect {
        client: usize,
        from: From,
    },
}

/// The position from which a client starts.
#[derive(Clone, Copy, Debug)]
enum From {
    New,
    Earliest,
    Garbage,
    /// With the id that was received this many ids before the last.
    Before(usize),
}

/// One step, on a hub in memory or in a file.
fn step(place: Place) -> impl Strategy<Value = Step> {
    let (topic, client) = (0..TOPICS.len(), 0..CLIENTS);
    let key = prop_oneof![2 => Just(None), 3 => (0..3_u8).prop_map(Some)];
    let from = || {
        prop_oneof![
            4 => Just(From::Before(0)),
            2 => (1..6_usize).prop_map(From::Before),
            1 => Just(From::New),
            1 => Just(From::Earliest),
            1 => Just(From::Garbage),
        ]
    };
    let is_memory = place == Place::Memory;
    let on_lag = prop_oneof![Just(OnLag::Disconnect), Just(OnLag::Skip), Just(OnLag::Latest)];
    // On the clock of a machine, a body may end for want of subscribers.
    let feeds = if is_memory { 2 } else { 0 };
    let connect = (client.clone(), 1..1_usize << TOPICS.len(), on_lag, prop::option::of(0..6_usize), from());
    // Events that exceed the bytes of a topic stay in a file until the next publish.
    let bytes = prop_oneof![2 => Just(1_usize << 20), u32::from(is_memory) => 0..300_usize];
    prop_oneof![
        8 => (topic.clone(), key, 1..5_usize).prop_map(|(topic, key, times)| Step::Publish { topic, key, times }),
        1 => (topic.clone(), 0..9_usize, bytes).prop_map(|(topic, events, bytes)| Step::Retain { topic, events, bytes }),
        2 => connect.prop_map(|(client, topics, on_lag, max_lag, from)| {
            Step::Connect { client, topics, on_lag, max_lag, from }
        }),
        8 => (client.clone(), 1..7_usize).prop_map(|(client, times)| Step::Read { client, times }),
        1 => client.clone().prop_map(|client| Step::Disconnect { client }),
        feeds => (client.clone(), topic.clone()).prop_map(|(client, topic)| Step::Feed { client, topic }),
        feeds => (topic.clone(), any::<bool>()).prop_map(|(topic, failed)| Step::EndFeed { topic, failed }),
        4 => (client, from()).prop_map(|(client, from)| Step::Reconnect { client, from }),
    ]
}

fn run(place: Place, steps: &[Step]) {
    let mut world = World::new(place);
    for step in steps {
        world.take(step);
    }
    // Every connected client reads to the end, and misses nothing either.
    for client in 0..CLIENTS {
        while world.clients[client].stream.is_some() && world.read(client) {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_client_gets_what_the_list_of_all_events_says(
        steps in prop::collection::vec(step(Place::Memory), 1..80),
    ) {
        run(Place::Memory, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn clients_of_a_file_get_the_same(steps in prop::collection::vec(step(Place::File), 1..80)) {
        run(Place::File, &steps);
    }

    #[test]
    fn clients_of_a_file_with_a_small_cache_get_the_same(
        steps in prop::collection::vec(step(Place::FileWithSmallCache), 1..80),
    ) {
        run(Place::FileWithSmallCache, &steps);
    }
}
