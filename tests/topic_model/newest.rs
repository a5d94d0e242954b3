//! Clients of the newest event of each key, from a file.

use touka::Event;
use touka::topic::OnLag;

use crate::gap::gap;
use crate::oracle::Start;
use crate::world::World;

impl World {
    /// Whether a client may get events that are superseded by newer ones, which the library reads later. Then it is only
    /// determined which events it does not get: superseded ones, or those that a gap tells of.
    pub(crate) fn is_loose(&self, client: usize) -> bool {
        self.driver.reads_ahead() && self.clients[client].readers[0].on_lag == OnLag::Latest
    }

    /// Compares what such a client gets, which follows one topic.
    pub(crate) fn read_loosely(&mut self, client: usize, event: &Event) {
        let client = &mut self.clients[client];
        let expected = &mut self.expected_topics[client.follows[0]];
        let id = event.as_id().expect("every event has an id").to_string();
        let (from, to) = (client.readers[0].seen, expected.position(&id));
        if client.greeting.is_empty() {
            assert!(from < to, "{event:?} comes after {from}");
            if event.as_event().is_some() {
                gap(event, "lagged", &id);
                assert!(expected.misses(OnLag::Latest, from, to), "nothing is missing between {from} and {to}");
            } else {
                assert_eq!(event.as_data(), Some(&*expected.text(to - 1)));
                // Without an id, a client has no claim to events that are trimmed before it gets any.
                let from = match client.readers[0].start {
                    Start::History(most) if expected.trimmed() <= most => from.max(expected.trimmed()),
                    _ => from,
                };
                assert!(expected.is_superseded(from..to - 1), "something is missing between {from} and {to}");
            }
        } else {
            let greeting = client.greeting.remove(0);
            match greeting.reason {
                None => assert_eq!((event.as_data(), event.as_event()), (None, None), "a checkpoint: {event:?}"),
                Some(reason) => assert_eq!(gap(event, reason, &id)["from"].as_str(), greeting.from.as_deref()),
            }
            let at = greeting.positions[0];
            assert!(at <= to && expected.is_superseded(at..to), "it is to begin at {at}, and not at {to}");
        }
        client.readers[0].seen = to;
        if event.as_data().is_some() {
            client.readers[0].start = Start::Begun;
        }
        client.ids.push((id, vec![to]));
    }
}
