//! Topics on disk when something is wrong: with the process, with the file, with the disk.

use std::fs;

use futures_util::StreamExt;
use support::{Dialogue, Folder};
use touka::topic::HubError;
use touka::{Event, Hub};

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-disk-fixture");

async fn start(path: &str) -> Dialogue {
    let mut program = Dialogue::start(PROGRAM, &[path]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    program
}

fn refused(path: &str, words: &[&str]) -> HubError {
    let error = Hub::open(path).expect_err("it opens");
    let text = error.to_string();
    assert!(error.is_storage() && text.contains(path), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
    error
}

/// Kills it after so many acknowledged events, and gives all that it has acknowledged by then.
async fn killed(mut program: Dialogue, command: &str, after: usize) -> Vec<(String, String)> {
    program.say(command).await;
    let mut lines = Vec::new();
    for _ in 0..after {
        lines.push(program.hear().await.expect("it runs"));
    }
    lines.extend(program.kill().await);
    let parts = |line: &String| line.split_once(' ').map(|(text, id)| (text.to_owned(), id.to_owned()));
    // A line may have been cut off with the process.
    lines.iter().filter_map(parts).filter(|(_, id)| id.split('.').nth(3).is_some_and(|tag| tag.len() == 6)).collect()
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut program = start(&path).await;
        let kept = program.ask("read numbers").await;
        let kept: Vec<u64> = kept.split_whitespace().map(|number| number.parse().unwrap()).collect();
        // All of them once, in order; the last may not have been told any more.
        assert!(kept.iter().copied().eq(0..kept.len() as u64), "{kept:?}");
        assert!(kept.len() >= acknowledged.len(), "{} of {}", kept.len(), acknowledged.len());
        assert!(kept.len() <= acknowledged.len() + round, "{} of {}", kept.len(), acknowledged.len());
        let from = kept.len();
        acknowledged.extend(killed(program, &format!("flood numbers {from}"), 1 + 37 * (round % 4)).await);
    }
    resumes(&path, "numbers", &acknowledged).await;
}

#[tokio::test]
async fn what_many_published_survives_a_kill() {
    let folder = Folder::new();
    let path = folder.path("hub");
    for round in 0..6 {
        let topic = format!("crowd{round}");
        let acknowledged = killed(start(&path).await, &format!("crowd {topic}"), 1 + 100 * round).await;
        let mut program = start(&path).await;
        let kept = program.ask(&format!("read {topic}")).await;
        let kept: Vec<_> = kept.split(' ').collect();
        for (text, _) in &acknowledged {
            let times = kept.iter().filter(|kept| *kept == text).count();
            assert_eq!(times, 1, "{text} in {kept:?}");
        }
        assert!(program.ended().await.success());
        resumes(&path, &topic, &acknowledged).await;
    }
}

/// Whoever comes with one of the ids gets what came after it, without a gap.
async fn resumes(path: &str, name: &str, acknowledged: &[(String, String)]) {
    let hub = Hub::open(path).unwrap();
    let topic = hub.topic::<Event>(name).unwrap();
    let offset = |id: &str| id.split('.').nth(2).unwrap().parse::<u64>().unwrap();
    let mut ordered = acknowledged.to_vec();
    ordered.sort_by_key(|(_, id)| offset(id));
    for pair in ordered.windows(2) {
        let [(_, id), (next_text, next)] = pair else { continue };
        // What is between them was published, and not told any more.
        if offset(next) != offset(id) + 1 {
            continue;
        }
        let mut events = topic.subscribe(Some(id.parse().unwrap())).await.unwrap();
        let event = events.next().await.unwrap().to_string();
        assert_eq!(event, format!("id: {next}\ndata: {next_text}\n\n"));
    }
}

#[tokio::test]
async fn a_process_that_is_killed_at_its_start_leaves_nothing_that_is_in_the_way() {
    let folder = Folder::new();
    for round in 0..30 {
        let path = folder.path(&format!("hub{round}"));
        let mut program = Dialogue::start(PROGRAM, &[&path]);
        // Once that there is a file at all, it is somewhere in making it.
        while !fs::exists(format!("{path}.new")).unwrap() && !fs::exists(&path).unwrap() {
            tokio::task::yield_now().await;
        }
        if round % 2 == 1 {
            program.hear().await;
        }
        program.kill().await;
        let mut program = start(&path).await;
        assert!(program.ask("publish a 1").await.starts_with("ok 1."));
        assert!(!fs::exists(format!("{path}.new")).unwrap());
    }
}

#[tokio::test]
async fn a_hub_that_is_eventual_keeps_what_it_had_time_for() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = Dialogue::start(PROGRAM, &[&path, "eventual"]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    let acknowledged = killed(program, "flood numbers 0", 20_000).await;
    let kept = start(&path).await.ask("read numbers").await;
    let kept: Vec<u64> = kept.split_whitespace().map(|number| number.parse().unwrap()).collect();
    // What is there is there without a hole; the end may be missing.
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1), "{kept:?}");
    let ids: Vec<_> = acknowledged.iter().map(|(_, id)| id.clone()).collect();
    let hub = Hub::open(&path).unwrap();
    let topic = hub.topic::<Event>("numbers").unwrap();
    let last = kept.last().map_or(0, |last| usize::try_from(*last).unwrap() + 1);
    if let Some(lost) = ids.get(last) {
        let mut events = topic.subscribe(Some(lost.parse().unwrap())).await.unwrap();
        let gap = events.next().await.unwrap().to_string();
        assert!(gap.contains(r#""reason":"future""#), "{gap}");
        // Other events take the places of the lost.
        topic.publish("other").await.unwrap();
        let mut events = topic.subscribe(Some(lost.parse().unwrap())).await.unwrap();
        let gap = events.next().await.unwrap().to_string();
        assert!(gap.contains(r#""reason":"forked""#), "{gap}");
    }
}

#[tokio::test]
async fn one_process_at_a_time_has_the_file() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = start(&path).await;
    refused(&path, &["open already", "another process", "a file of its own"]);
    // It is none the worse.
    assert!(program.ask("publish a 1").await.starts_with("ok 1."));
    assert!(program.ended().await.success());
    let hub = Hub::open(&path).unwrap();
    refused(&path, &["open already"]);
    drop(hub);
    drop(Hub::open(&path).unwrap());
}

#[tokio::test]
async fn a_path_that_cannot_be_is_explained() {
    let folder = Folder::new();
    refused(&folder.path("missing/hub"), &["make its folder first"]);
    refused(&folder.path(""), &["name a file in that folder"]);
    fs::write(folder.path("file"), "something").unwrap();
    refused(&folder.path("file/hub"), &["make its folder first"]);
    // Even root cannot make a file there.
    refused("/proc/touka-hub", &["make its folder first"]);
}
