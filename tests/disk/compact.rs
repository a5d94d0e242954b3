//! A hub's file is compacted when it is opened, on request.

use std::fs;

use support::{Dialogue, Folder};
use touka::topic::{Disk, Retention};
use touka::{Event, Hub};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");

async fn start(path: &str, word: &str) -> Dialogue {
    let mut program = Dialogue::start(PROGRAM, &[path, word]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    program
}

/// Makes a file most of whose events were trimmed.
async fn half_empty(path: &str) -> u64 {
    let hub = Hub::open(path).expect("the hub opens");
    let large = "x".repeat(200_000);
    let keeps = hub.topic::<Event>("keeps").expect("the hub opens");
    let forgets = hub.topic::<Event>("forgets").expect("the hub opens");
    for number in 0..100 {
        keeps.publish(number.to_string()).await.expect("the hub opens");
        let forgets = forgets.clone().retention(Retention::new().bytes(usize::MAX));
        forgets.publish(large.as_str()).await.expect("the hub opens");
    }
    keeps.publish(large.as_str()).await.expect("the hub opens");
    forgets.retention(Retention::new().events(1)).publish("end").await.expect("the hub opens");
    keeps.publish("end").await.expect("the hub opens");
    drop((keeps, hub));
    fs::metadata(path).expect("the hub opens").len()
}

fn whole() -> String {
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    format!("{} {} end", numbers.join(" "), "x".repeat(200_000))
}

#[tokio::test]
async fn free_space_is_returned_on_request_only() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let before = half_empty(&path).await;
    assert!(before > 10_000_000, "{before}");
    drop(Hub::open(&path).unwrap());
    let opened = fs::metadata(&path).unwrap().len();
    drop(Hub::open(Disk::at(&path).compact()).unwrap());
    let compacted = fs::metadata(&path).unwrap().len();
    assert!(compacted < 1_500_000 && compacted < opened, "{before}, {opened}, {compacted}");
    let mut program = start(&path, "").await;
    assert!(program.ask("read keeps").await == whole());
    assert!(program.ask("read forgets").await.ends_with(" end"));
    assert!(program.ask("publish forgets more").await.starts_with("ok 1."));
    assert!(program.ended().await.success());
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_compacts_loses_nothing() {
    let folder = Folder::new();
    let (path, copy) = (folder.path("hub"), folder.path("copy"));
    half_empty(&path).await;
    for round in 0..20 {
        fs::copy(&path, &copy).unwrap();
        let before = fs::metadata(&copy).unwrap();
        let mut program = Dialogue::start(PROGRAM, &[&copy, "compact"]);
        // At its start, once it writes, and later.
        while before.modified().unwrap() == fs::metadata(&copy).unwrap().modified().unwrap() {
            tokio::task::yield_now().await;
        }
        for _ in 0..round * 500 {
            tokio::task::yield_now().await;
        }
        if round == 19 {
            program.hear().await;
        }
        program.kill().await;
        let mut program = start(&copy, "").await;
        assert!(program.ask("read keeps").await == whole(), "round {round}");
        assert!(program.ended().await.success());
    }
}
