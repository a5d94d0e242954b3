//! A reader on a runtime without timers.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use tokio::runtime::Builder;
use touka::topic::engine::{
    Draft, Engine, EngineFuture, EngineTopic, Epoch, EventKeys, Lease, Mark, NewestEvents, Position, Stored, Tag,
};
use touka::{Event, EventStream, Hub, HubError};

/// An engine that has three events, returns one at a time, and fails before the second one.
#[derive(Debug, Default)]
struct Failing(AtomicUsize);

const EVENTS: u64 = 3;

fn position(offset: u64) -> Position {
    let tag = Tag::from_bits(u32::try_from(offset).expect("small"));
    Position { epoch: Epoch::from_bits(7), mark: Mark { offset, tag } }
}

impl Engine for Failing {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        let (tail, head) = (topic.tail(), position(EVENTS));
        let newest = NewestEvents { head, previous: head.mark, events: Vec::new(), ends: 0 };
        assert!(tail.reset(tail.head().expect("the log is in use"), newest));
        EngineFuture::ready(Ok(Lease::none()))
    }

    fn publish<'a>(&'a self, _: EngineTopic<'a>, _: Draft, _: EventKeys<'a>) -> EngineFuture<'a, Position> {
        EngineFuture::ready(Err(HubError::unavailable("it takes no events")))
    }

    fn remove<'a>(&'a self, _: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::ready(Ok(()))
    }

    fn before<'a>(&'a self, _: EngineTopic<'a>, from: u64, _: u64, _: usize) -> EngineFuture<'a, Vec<Stored>> {
        if from == 1 && self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            return EngineFuture::ready(Err(HubError::unavailable("it fails on purpose")));
        }
        let wire = format!("data: {}\n\n", from + 1);
        let keys = EventKeys { key: None, once: None };
        let event = Stored::new(position(from + 1), position(from).mark, 0, keys, wire.as_bytes());
        EngineFuture::ready(Ok(vec![event]))
    }
}

/// A reader waits before it asks a failing engine again.
#[test]
fn a_reader_of_a_failing_engine_needs_no_timers() {
    let hub = Hub::builder().engine(Failing::default());
    let data: Vec<String> = Builder::new_current_thread().build().unwrap().block_on(async {
        let stream: EventStream = hub.topic("a").unwrap().subscribe(None).earliest().await.unwrap();
        let data = stream.filter_map(async |event: Event| event.as_data().map(str::to_owned));
        std::pin::pin!(data).take(3).collect().await
    });
    assert_eq!(data, ["1", "2", "3"]);
}
