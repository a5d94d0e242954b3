//! A hub's file was moved, or replaced by another file.

use std::fs;
use std::path::Path;

use support::{Dialogue, Folder};
use touka::Hub;

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");

async fn start(path: &str) -> Dialogue {
    let mut program = Dialogue::start(PROGRAM, &[path]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    program
}

/// A hub with the event `1` in its topic `a`, which was read, and whose last write has failed.
async fn failed(path: &str) -> Dialogue {
    let mut program = start(path).await;
    assert!(program.ask("publish a 1").await.starts_with("ok 1."));
    assert_eq!(program.ask("read a").await, "1");
    assert_eq!(program.ask("limit 0").await, "ok");
    let large = "x".repeat(3_000_000);
    assert!(program.ask(&format!("publish a {large}")).await.contains("free some space"));
    program
}

async fn events(path: &str) -> String {
    let mut program = start(path).await;
    let events = program.ask("read a").await;
    assert!(program.ended().await.success());
    events
}

#[tokio::test]
async fn a_file_moved_away_after_a_failure_is_not_created_again() {
    let folder = Folder::new();
    let (path, elsewhere) = (folder.path("hub"), folder.path("elsewhere"));
    let mut program = failed(&path).await;
    fs::rename(&path, &elsewhere).unwrap();
    assert_eq!(program.ask("limit none").await, "ok");
    for number in 2..5 {
        let answer = program.ask(&format!("publish a {number}")).await;
        assert!(["not published", &path, "moved away"].iter().all(|word| answer.contains(word)), "{answer}");
        assert!(!Path::new(&path).exists(), "a file was made");
    }
    // Subscribers of the topic stay.
    assert_eq!(program.ask("read a").await, "1");
    assert!(program.ended().await.success());
    assert!(!Path::new(&path).exists(), "a file was made");
    assert_eq!(events(&elsewhere).await, "1");
}

#[tokio::test]
async fn a_file_that_is_put_back_is_used_again() {
    let folder = Folder::new();
    let (path, elsewhere) = (folder.path("hub"), folder.path("elsewhere"));
    let mut program = failed(&path).await;
    fs::rename(&path, &elsewhere).unwrap();
    assert_eq!(program.ask("limit none").await, "ok");
    assert!(program.ask("publish a 2").await.contains("moved away"));
    fs::rename(&elsewhere, &path).unwrap();
    assert!(program.ask("publish a 3").await.starts_with("ok 1."));
    assert!(program.ended().await.success());
    assert_eq!(events(&path).await, "1 3");
}

/// The hub notices at the next publish, without an earlier failure.
#[tokio::test]
async fn a_file_that_was_moved_away_takes_no_more_events() {
    let folder = Folder::new();
    let (path, elsewhere) = (folder.path("hub"), folder.path("elsewhere"));
    let mut program = start(&path).await;
    assert!(program.ask("publish a 1").await.starts_with("ok 1."));
    fs::rename(&path, &elsewhere).unwrap();
    assert!(program.ask("publish a 2").await.contains("moved away"));
    fs::rename(&elsewhere, &path).unwrap();
    assert!(program.ask("publish a 3").await.starts_with("ok 1."));
    fs::remove_file(&path).unwrap();
    assert!(program.ask("publish a 4").await.contains("moved away"));
    assert!(program.ended().await.success());
    assert!(!Path::new(&path).exists(), "a file was made");
}

#[tokio::test]
async fn a_file_that_replaced_the_hubs_is_not_written() {
    let folder = Folder::new();
    let (path, elsewhere) = (folder.path("hub"), folder.path("elsewhere"));
    let mut program = failed(&path).await;
    // A copy has the same content, and is a different file.
    fs::copy(&path, &elsewhere).unwrap();
    fs::rename(&elsewhere, &path).unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(program.ask("limit none").await, "ok");
    assert!(program.ask("publish a 2").await.contains("another file"));
    assert_eq!(program.ask("read a").await, "1");
    assert!(fs::read(&path).unwrap() == before, "the file was written to");
    // Another process opens it while the first still runs.
    let mut other = start(&path).await;
    assert!(other.ask("publish a 3").await.starts_with("ok 1."));
    assert!(program.ask("publish a 4").await.contains("another file"));
    assert!(other.ended().await.success());
    assert!(program.ended().await.success());
    assert_eq!(events(&path).await, "1 3");
}

#[tokio::test]
async fn the_file_of_a_hub_with_a_full_disk_stays_locked() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = failed(&path).await;
    // Neither this process nor another one.
    let refused = Hub::open(&path).unwrap_err().to_string();
    assert!(refused.contains("open already"), "{refused}");
    assert_eq!(program.ask("limit none").await, "ok");
    let refused = program.ask(&format!("open {path}")).await;
    assert!(refused.contains("open already"), "{refused}");
    assert!(program.ask("publish a 2").await.starts_with("ok 1."));
    assert!(program.ended().await.success());
    assert_eq!(events(&path).await, "1 2");
}

#[tokio::test]
async fn a_truncated_file_is_not_started_anew() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = failed(&path).await;
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(program.ask("limit none").await, "ok");
    let answer = program.ask("publish a 2").await;
    assert!(answer.contains("damaged"), "{answer}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    assert_eq!(program.ask("read a").await, "1");
    assert!(program.ended().await.success());
}
