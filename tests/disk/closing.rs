//! Topics on disk that are closed by a last event, when the process or the disk fails.

use futures_util::StreamExt;
use futures_util::future::join_all;
use support::{Dialogue, Folder};
use touka::topic::{Cache, Disk, Durability, HubError};
use touka::{Event, EventId, Hub, Topic};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");

async fn start(path: &str, durability: &str) -> Dialogue {
    let mut program = Dialogue::start(PROGRAM, &[path, durability]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    program
}

fn topic(hub: &Hub) -> Topic {
    hub.topic("a").expect("a topic")
}

/// The data of all events, of a topic that is closed.
async fn read(topic: &Topic, from: Option<EventId>) -> Vec<String> {
    let stream = topic.subscribe(from).earliest().await.expect("a stream");
    stream.collect::<Vec<_>>().await.iter().filter_map(|event| Some(event.as_data()?.to_owned())).collect()
}

async fn assert_closed(topic: &Topic) {
    for outcome in [topic.publish("late").await, topic.close("late").await] {
        let error = outcome.expect_err("the topic is closed");
        assert!(error.is_closed(), "{error:?}");
        assert!(error.to_string().contains("takes no event after its last one"), "{error}");
    }
}

#[tokio::test]
async fn a_topic_stays_closed_after_a_kill() {
    let folder = Folder::new();
    let path = folder.path("hub");
    for durability in ["immediate", "eventual"] {
        let path = path.clone() + durability;
        let mut program = start(&path, durability).await;
        assert!(program.ask("publish a 1").await.starts_with("ok "));
        let closed = program.ask("close a last").await;
        let last: EventId = closed.strip_prefix("ok ").expect("closed").parse().expect("an id");
        assert!(program.ask("publish a late").await.contains("is closed"));
        program.kill().await;
        let topic = topic(&Hub::open(&path).expect("the file opens"));
        if durability == "immediate" {
            // Without a reader, and then with one.
            assert_closed(&topic).await;
            assert_eq!(read(&topic, None).await, ["1", "last"]);
            assert_eq!(read(&topic, Some(last)).await, Vec::<String>::new());
        } else {
            // What was not on the disk yet is lost, and may be published again.
            match topic.close("again").await {
                Ok(_) => assert_eq!(read(&topic, None).await.pop().as_deref(), Some("again")),
                Err(error) => assert!(error.is_closed(), "{error:?}"),
            }
        }
        assert!(topic.is_closed());
        assert_closed(&topic).await;
    }
}

/// Publishes of one transaction are refused from the last event on, except those whose idempotency keys are known.
#[tokio::test]
async fn events_that_are_queued_behind_the_last_one_are_refused() {
    let folder = Folder::new();
    for (round, durability) in [Durability::Immediate, Durability::Eventual].into_iter().enumerate() {
        let path = folder.path(&round.to_string());
        let hub = Hub::open(Disk::new(&path).durability(durability)).expect("a file");
        let topic = topic(&hub);
        let known = topic.publish_once("key", "0").await.expect("published");
        let publishes = (0..30).map(|number| {
            let topic = topic.clone();
            let publish = async move {
                match number {
                    10 | 12 | 20 => topic.close("last").await,
                    11 | 25 => topic.publish_once("key", "0").await,
                    _ => topic.publish(number.to_string()).await,
                }
            };
            // The first poll queues it.
            Box::pin(publish)
        });
        let outcomes: Vec<Result<EventId, HubError>> = join_all(publishes).await;
        for (number, outcome) in outcomes.iter().enumerate() {
            match (number, outcome) {
                (11 | 25, Ok(id)) => assert_eq!(*id, known),
                (0..=10, Ok(_)) => {}
                (12.., Err(error)) => assert!(error.is_closed(), "{error:?}"),
                _ => panic!("publish {number}: {outcome:?}"),
            }
        }
        let mut expected: Vec<_> = std::iter::once("0".to_owned()).chain((0..10).map(|at| at.to_string())).collect();
        expected.push("last".into());
        assert_eq!(read(&topic, None).await, expected);
        drop((topic, hub));
        let topic = self::topic(&Hub::builder().cache(Cache::new().events(0)).open(&path).expect("the file opens"));
        assert_eq!(topic.publish_once("key", "0").await.expect("known"), known);
        assert_closed(&topic).await;
        assert_eq!(read(&topic, None).await, expected);
        assert_eq!(read(&topic, Some(known)).await, expected[1..]);
    }
}

/// A last event that cannot be written closes nothing. One that is acknowledged does, though it is not on the disk yet.
#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_stuck() {
    for durability in ["immediate", "eventual"] {
        let folder = Folder::new();
        let path = folder.path("hub");
        let mut program = start(&path, durability).await;
        for topic in ["a", "b"] {
            assert!(program.ask(&format!("publish {topic} 1")).await.starts_with("ok "));
        }
        assert_eq!(program.ask("limit 0").await, "ok");
        let closed = program.ask("close a last").await;
        let is_acknowledged = closed.starts_with("ok ");
        // A failed write is the only way to find out that the disk is full.
        let large = "x".repeat(3_000_000);
        while !program.ask(&format!("publish b {large}")).await.contains("not published") {
            assert_eq!(durability, "eventual");
        }
        assert_eq!(program.ask("read a").await, if is_acknowledged { "1 last" } else { "1" }, "{closed}");
        assert!(program.ask("publish a late").await.starts_with("error "));
        assert_eq!(program.ask("limit none").await, "ok");
        if !is_acknowledged {
            assert!(program.ask("publish a 2").await.starts_with("ok "));
            assert!(program.ask("close a last").await.starts_with("ok "));
        }
        assert!(program.ask("publish a late").await.contains("is closed"));
        let kept = program.ask("read a").await;
        assert_eq!(kept, if is_acknowledged { "1 last" } else { "1 2 last" });
        assert!(program.ended().await.success());
        let topic = topic(&Hub::open(&path).expect("the file opens"));
        assert_closed(&topic).await;
        assert_eq!(read(&topic, None).await.join(" "), kept);
    }
}

/// Many topics are closed, and their heads are forgotten by the writer.
#[tokio::test]
async fn a_closed_topic_is_known_from_the_file() {
    let folder = Folder::new();
    let hub = Hub::open(Disk::new(folder.path("hub")).durability(Durability::Eventual)).expect("a file");
    let closed = topic(&hub);
    closed.close("last").await.expect("closed");
    let others = (0..20_000).map(|number| {
        let hub = hub.clone();
        async move { hub.topic::<Event>(number.to_string()).expect("a topic").publish("x").await.map(drop) }
    });
    for done in join_all(others).await {
        done.expect("published");
    }
    assert_closed(&closed).await;
}
