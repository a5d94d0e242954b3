//! A full disk: publishers get an error, and readers are unaffected.

use support::{Dialogue, Folder};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");

async fn start(path: &str, durability: &str) -> Dialogue {
    let mut program = Dialogue::start(PROGRAM, &[path, durability]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    program
}

/// Topics that this process has not used yet are read from a file that cannot be written.
#[tokio::test]
async fn topics_are_read_first_while_the_disk_is_full() {
    for durability in ["immediate", "eventual"] {
        let folder = Folder::new();
        let path = folder.path("hub");
        let mut program = start(&path, durability).await;
        for topic in ["a", "b", "c", "d"] {
            for number in 0..3 {
                assert!(program.ask(&format!("publish {topic} {topic}{number}")).await.starts_with("ok 1."));
            }
        }
        assert!(program.ended().await.success());

        let mut program = start(&path, durability).await;
        assert_eq!(program.ask("limit 0").await, "ok");
        // A failed write is the only way to find out that the disk is full.
        let large = "x".repeat(3_000_000);
        while !program.ask(&format!("publish a {large}")).await.contains("not published") {
            assert_eq!(durability, "eventual");
        }
        for topic in ["b", "c"] {
            assert_eq!(program.ask(&format!("read {topic}")).await, format!("{topic}0 {topic}1 {topic}2"));
            let refused = program.ask(&format!("publish {topic} {large}")).await;
            assert!(refused.contains("make room and publish again") || durability == "eventual", "{refused}");
        }
        // There is space again, and the topics that were only read have nothing new.
        assert_eq!(program.ask("limit none").await, "ok");
        assert!(program.ask("publish d d3").await.starts_with("ok 1."));
        assert!(program.ask("publish b b3").await.starts_with("ok 1."));
        assert_eq!(program.ask("read d").await, "d0 d1 d2 d3");
        let kept = program.ask("read b").await;
        assert!(kept.ends_with("b3"), "{kept}");
        assert!(program.ended().await.success());

        let mut program = start(&path, durability).await;
        assert_eq!(program.ask("read d").await, "d0 d1 d2 d3");
        assert_eq!(program.ask("read c").await.split(' ').next(), Some("c0"));
        assert!(program.ask("read b").await == kept);
        assert!(program.ended().await.success());
    }
}

/// A process that starts on a full disk serves what it has, and publishes once there is space.
#[tokio::test]
async fn a_hub_opens_for_readers_on_a_full_disk() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = start(&path, "immediate").await;
    assert!(program.ask("publish a 1").await.starts_with("ok 1."));
    assert!(program.ended().await.success());

    let mut program = Dialogue::start(PROGRAM, &[&path, "immediate", "0"]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    assert_eq!(program.ask("read a").await, "1");
    assert!(program.ask("publish a 2").await.contains("make room"));
    assert_eq!(program.ask("read a").await, "1");
    assert_eq!(program.ask("limit none").await, "ok");
    assert!(program.ask("publish a 3").await.starts_with("ok 1."));
    assert!(program.ended().await.success());

    let mut program = start(&path, "immediate").await;
    assert_eq!(program.ask("read a").await, "1 3");
    assert!(program.ended().await.success());
}

/// After a failure only the difference is written. A disk with little space is enough for that, however much
/// the topics hold that could not be published to.
#[tokio::test]
async fn a_disk_with_little_space_is_enough_to_go_on() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = start(&path, "immediate").await;
    let large = "x".repeat(100_000);
    for topic in ["a", "b", "c", "d"] {
        for _ in 0..30 {
            assert!(program.ask(&format!("publish {topic} {large}")).await.starts_with("ok 1."));
        }
    }
    assert_eq!(program.ask("limit 0").await, "ok");
    for topic in ["a", "b", "c", "d"] {
        assert!(program.ask(&format!("publish {topic} lost")).await.contains("not published"));
    }
    let length = std::fs::metadata(&path).unwrap().len();
    assert_eq!(program.ask(&format!("limit {}", length + 1024 * 1024)).await, "ok");
    let published = program.ask("publish a more").await;
    assert!(published.starts_with("ok 1."), "{published}");
    let kept = program.ask("read a").await;
    assert!(kept.starts_with(&large) && kept.ends_with(" more") && !kept.contains("lost"), "{} bytes", kept.len());
    assert!(program.ended().await.success());

    let mut program = start(&path, "immediate").await;
    assert!(program.ask("read a").await == kept);
    assert_eq!(program.ask("read b").await.split(' ').count(), 30);
    assert!(program.ended().await.success());
}
