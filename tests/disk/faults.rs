//! Topics on disk when the process, the file or the disk fails.

use std::fs;

use futures_util::{FutureExt, StreamExt};
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
    let error = Hub::open(path).expect_err("the stream opens");
    let text = error.to_string();
    assert!(error.is_storage() && text.contains(path), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
    error
}

/// Kills the program after `after` acknowledged events, and returns everything it has acknowledged by then.
async fn killed(mut program: Dialogue, command: &str, after: usize) -> Vec<(String, String)> {
    program.say(command).await;
    let mut lines = Vec::new();
    for _ in 0..after {
        lines.push(program.hear().await.expect("running"));
    }
    lines.extend(program.kill().await);
    let parts = |line: &String| line.split_once(' ').map(|(text, id)| (text.to_owned(), id.to_owned()));
    // The last line may have been cut off by the kill.
    lines.iter().filter_map(parts).filter(|(_, id)| id.split('.').nth(3).is_some_and(|tag| tag.len() == 6)).collect()
}

#[tokio::test]
async fn acknowledged_events_survive_a_kill() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut program = start(&path).await;
        let kept = program.ask("read numbers").await;
        let kept: Vec<u64> = kept.split_whitespace().map(|number| number.parse().unwrap()).collect();
        // All of them once and in order; the last one may not have been acknowledged.
        assert!(kept.iter().copied().eq(0..kept.len() as u64), "{kept:?}");
        assert!(kept.len() >= acknowledged.len(), "{} of {}", kept.len(), acknowledged.len());
        assert!(kept.len() <= acknowledged.len() + round, "{} of {}", kept.len(), acknowledged.len());
        let from = kept.len();
        acknowledged.extend(killed(program, &format!("flood numbers {from}"), 1 + 37 * (round % 4)).await);
    }
    resumes(&path, "numbers", &acknowledged).await;
}

#[tokio::test]
async fn events_of_concurrent_publishers_survive_a_kill() {
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

/// Asserts that a client with one of the ids gets what came after it, without a gap.
async fn resumes(path: &str, name: &str, acknowledged: &[(String, String)]) {
    let hub = Hub::open(path).expect("the hub works");
    let topic = hub.topic::<Event>(name).expect("the hub works");
    let offset = |id: &str| id.split('.').nth(2).expect("the hub works").parse::<u64>().expect("the hub works");
    let mut ordered = acknowledged.to_vec();
    ordered.sort_by_key(|(_, id)| offset(id));
    for pair in ordered.windows(2) {
        let [(_, id), (next_text, next)] = pair else { continue };
        // Events between them were published, and not acknowledged.
        if offset(next) != offset(id) + 1 {
            continue;
        }
        let mut events = topic.subscribe(Some(id.parse().expect("parsed"))).await.expect("the hub works");
        // The first event carries the client's position.
        assert_eq!(events.next().await.expect("the hub works").to_string(), format!("id: {id}\n\n"));
        let event = events.next().await.expect("the hub works").to_string();
        assert_eq!(event, format!("id: {next}\ndata: {next_text}\n\n"));
    }
}

#[tokio::test]
async fn a_process_that_is_killed_at_its_start_blocks_no_other() {
    let folder = Folder::new();
    for round in 0..30 {
        let path = folder.path(&format!("hub{round}"));
        let mut program = Dialogue::start(PROGRAM, &[&path]);
        // Once a file exists, the program is somewhere in creating it.
        while !fs::exists(format!("{path}.touka-new")).unwrap() && !fs::exists(&path).unwrap() {
            tokio::task::yield_now().await;
        }
        if round % 2 == 1 {
            program.hear().await;
        }
        program.kill().await;
        let mut program = start(&path).await;
        assert!(program.ask("publish a 1").await.starts_with("ok 1."));
        assert!(!fs::exists(format!("{path}.touka-new")).unwrap());
    }
}

#[tokio::test]
async fn an_eventual_hub_loses_only_its_newest_events() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = Dialogue::start(PROGRAM, &[&path, "eventual"]);
    assert_eq!(program.hear().await.as_deref(), Some("open"));
    let acknowledged = killed(program, "flood numbers 0", 20_000).await;
    let mut program = start(&path).await;
    let kept = program.ask("read numbers").await;
    assert!(program.ended().await.success());
    let kept: Vec<u64> = kept.split_whitespace().map(|number| number.parse().unwrap()).collect();
    // The file has no hole; its end may be missing.
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1), "{kept:?}");
    let ids: Vec<_> = acknowledged.iter().map(|(_, id)| id.clone()).collect();
    let hub = Hub::open(&path).unwrap();
    let topic = hub.topic::<Event>("numbers").unwrap();
    let last = kept.last().map_or(0, |last| usize::try_from(*last).unwrap() + 1);
    if let Some(lost) = ids.get(last) {
        let mut events = topic.subscribe(Some(lost.parse().unwrap())).await.unwrap();
        let gap = events.next().await.unwrap().to_string();
        assert!(gap.contains(r#""reason":"future""#), "{gap}");
        // Other events take the offsets of the lost ones.
        topic.publish("other").await.unwrap();
        let mut events = topic.subscribe(Some(lost.parse().unwrap())).await.unwrap();
        let gap = events.next().await.unwrap().to_string();
        assert!(gap.contains(r#""reason":"forked""#), "{gap}");
    }
}

#[tokio::test]
async fn one_process_at_a_time_opens_the_file() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let mut program = start(&path).await;
    refused(&path, &["open already", "another process", "a file of its own"]);
    // The first process is unaffected.
    assert!(program.ask("publish a 1").await.starts_with("ok 1."));
    assert!(program.ended().await.success());
    let hub = Hub::open(&path).unwrap();
    refused(&path, &["open already"]);
    drop(hub);
    drop(Hub::open(&path).unwrap());
}

#[tokio::test]
async fn an_error_explains_an_unusable_path() {
    let folder = Folder::new();
    refused(&folder.path("missing/hub"), &["make its folder first"]);
    refused(&folder.path(""), &["name a file in that folder"]);
    fs::write(folder.path("file"), "something").unwrap();
    refused(&folder.path("file/hub"), &["make its folder first"]);
    // Read-only even for root.
    refused("/sys/kernel/uevent_seqnum", &["let this process read and write"]);
}

#[tokio::test]
async fn a_full_disk_fails_publishers_and_damages_nothing() {
    for durability in ["immediate", "eventual"] {
        let folder = Folder::new();
        let path = folder.path("hub");
        let mut program = Dialogue::start(PROGRAM, &[&path, durability]);
        assert_eq!(program.hear().await.as_deref(), Some("open"));
        let mut expected = Vec::new();
        let mut ids = Vec::new();
        let mut number = 0;
        // With no space to grow, and with writes refused altogether.
        for limit in [fs::metadata(&path).unwrap().len(), 1, 0] {
            for _ in 0..3 {
                let answer = program.ask(&format!("publish a {number}")).await;
                ids.push(answer.strip_prefix("ok ").expect("an acknowledgement").to_owned());
                expected.push(number.to_string());
                number += 1;
            }
            assert_eq!(program.ask(&format!("limit {limit}")).await, "ok");
            let large = "x".repeat(3_000_000);
            let mut refused = 0;
            // An event that is acknowledged before it is on disk is only refused after a write has failed.
            while refused < 2 {
                let answer = program.ask(&format!("publish a {large}")).await;
                if let Some(id) = answer.strip_prefix("ok ") {
                    assert_eq!(durability, "eventual");
                    ids.push(id.to_owned());
                    expected.push(large.clone());
                    continue;
                }
                refused += 1;
                let words = ["not published", &path, "File too large", "free some space and publish again"];
                assert!(words.iter().all(|word| answer.contains(word)), "{answer}");
            }
            // Readers get what was published, and no more.
            let newest = expected.last().unwrap();
            assert!(program.ask("read a").await.ends_with(newest));
            assert_eq!(program.ask("limit none").await, "ok");
        }
        let answer = program.ask("publish a end").await;
        assert!(answer.starts_with("ok 1."), "{answer}");
        expected.push("end".to_owned());
        let kept = program.ask("read a").await;
        assert!(program.ended().await.success());

        let mut program = start(&path).await;
        assert!(program.ask("read a").await == kept, "another process reads something else");
        assert!(expected.join(" ").ends_with(&kept), "not the acknowledged events");
        assert!(program.ended().await.success());
        let hub = Hub::open(&path).unwrap();
        let last = ids.last().unwrap().parse().unwrap();
        let mut events = hub.topic::<Event>("a").unwrap().subscribe(Some(last)).await.unwrap();
        let _checkpoint = events.next().await.unwrap();
        let event = events.next().await.unwrap().to_string();
        assert!(event.contains("data: end"), "{event}");
    }
}

/// The events of a topic, or why the file cannot be read.
async fn read(path: &str) -> Result<Vec<String>, HubError> {
    let hub = Hub::open(path)?;
    let mut events = hub.topic::<Event>("a")?.subscribe(None).earliest().await?;
    let mut all = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        all.push(event.to_string());
    }
    Ok(all)
}

/// A file with events, its bytes, and the events expected from it.
async fn sound(path: &str) -> (Vec<u8>, Vec<String>) {
    let hub = Hub::open(path).expect("the hub works");
    let topic = hub.topic::<Event>("a").expect("the hub works");
    for number in 0..100 {
        topic.publish(format!("{number} {}", "x".repeat(500))).await.expect("the hub works");
    }
    drop((topic, hub));
    (fs::read(path).expect("the hub works"), read(path).await.expect("the hub works"))
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let (bytes, _) = sound(&path).await;
    for length in [1, 8, 9, 100, 319, 320, 4095, 4096, 8192, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = read(&path).await.expect_err(&format!("{length} of {} bytes", bytes.len()));
        assert!(error.is_storage() && error.to_string().contains("damaged"), "{length}: {error}");
    }
    // An empty file is a new one: a subscriber gets its position, and nothing else.
    fs::write(&path, []).unwrap();
    assert_eq!(read(&path).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let noise: Vec<u8> = (0..200_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let contents = [noise, b"#!/bin/sh\necho hello\n".to_vec(), vec![0; 100_000]];
    for content in contents {
        fs::write(&path, &content).unwrap();
        refused(&path, &["no events of a hub", "move this one away"]);
        assert!(fs::read(&path).unwrap() == content, "the file was written to");
    }
}

#[tokio::test]
async fn a_flipped_bit_is_noticed_or_makes_no_difference() {
    let folder = Folder::new();
    let path = folder.path("hub");
    let (bytes, events) = sound(&path).await;
    let mut noticed = 0;
    // Every byte of the header, on which most depends, and some of every page.
    for at in (0..512).chain((512..bytes.len()).step_by(397)) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        match read(&path).await {
            Ok(read) => assert!(read == events, "byte {at} is flipped, and other events are read: {}", read.len()),
            Err(error) => {
                assert!(error.is_storage(), "byte {at}: {error}");
                noticed += 1;
            }
        }
    }
    assert!(noticed > 50, "{noticed}");
}
