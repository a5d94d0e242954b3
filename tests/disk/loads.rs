//! Topics on disk that cannot be read.

use redb::{Database, TableDefinition};
use support::{Dialogue, Folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");
const EVENTS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("events");

async fn start(path: &str) -> Dialogue {
    let mut program = Dialogue::start(PROGRAM, &[path]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    program
}

async fn bytes_read(program: &mut Dialogue) -> u64 {
    program.ask("rchar").await.parse().expect("a number of bytes")
}

/// A topic that cannot be read is loaded once, and then not again for some seconds: frequent requests for it
/// cost other topics nothing.
#[tokio::test]
async fn an_unreadable_topic_is_not_read_for_each_request() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = start(&path).await;
    let large = "x".repeat(1_000_000);
    for topic in ["bad", "good", "c", "d", "e", "f"] {
        for _ in 0..4 {
            assert!(program.ask(&format!("publish {topic} {large}")).await.starts_with("ok 1."));
        }
    }
    assert!(program.ended().await.success());
    let database = Database::open(&path).unwrap();
    let writing = database.begin_write().unwrap();
    // The first topic's first event becomes bytes that no version has written.
    writing.open_table(EVENTS).unwrap().insert((0, 1), &b"?"[..]).unwrap();
    writing.commit().unwrap();
    drop(database);

    let mut program = start(&path).await;
    let before = bytes_read(&mut program).await;
    for round in 0..20 {
        let answer = program.ask("read bad").await;
        assert!(answer.contains("damaged"), "{answer}");
        // Other topics are unaffected.
        assert!(program.ask(&format!("publish good {round}")).await.starts_with("ok 1."));
    }
    let read = bytes_read(&mut program).await - before;
    // The topic `good`, the damaged one once, and small reads.
    assert!(read < 20_000_000, "{read} bytes were read for 20 requests");
    assert!(program.ask("publish bad 1").await.contains("damaged"));
    assert!(program.ask("read good").await.ends_with("18 19"));
    assert!(program.ended().await.success());
}
