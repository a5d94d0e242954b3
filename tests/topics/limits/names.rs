//! Names of topics, and how many there may be.

use std::time::Duration;

use http::StatusCode;
use touka::Hub;

use super::{app, untyped};

#[tokio::test(start_paused = true)]
async fn unknown_names_do_not_fill_the_memory() {
    let hub = Hub::builder().max_topics(3).memory();
    let app = app(&hub);
    let held = untyped(&hub, "held");
    untyped(&hub, "history").publish("1").await.unwrap();
    // Readers of topics that were never published to use no memory after they have left, however many there
    // are.
    for number in 0..50 {
        let events = app.get(&format!("/topics/{number}")).events().await;
        events.disconnect();
        app.assert_nothing_left().await;
        assert!(hub.topics().len() <= 3, "{:?}", hub.topics());
    }
    let follower = app.get("/topics/followed").events().await;
    let refused = hub.topic::<touka::Event>("one more").unwrap_err();
    assert!(refused.is_too_many_topics() && !refused.is_name(), "{refused:?}");
    let response = app.get("/topics/stranger").send().await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = response.text().await;
    assert!(!text.contains('3') && text.ends_with('\n'), "no internals in the text: {text}");
    // Existing topics are unchanged, and a removed one makes a new one possible.
    assert_eq!(untyped(&hub, "history").publish("2").await.unwrap().to_string().split('.').nth(2), Some("2"));
    assert_eq!(hub.topics(), ["followed", "held", "history"]);
    drop((held, follower));
    app.assert_nothing_left().await;
    // The check for unused topics does not run on every request, but soon.
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(untyped(&hub, "one more"));
}

/// The path that requests a topic of this name.
fn any_of(name: &str) -> String {
    name.bytes().fold("/any?name=".to_owned(), |path, byte| format!("{path}%{byte:02X}"))
}

#[tokio::test(start_paused = true)]
async fn a_name_has_between_1_and_255_bytes_and_any_characters() {
    let hub = Hub::memory();
    let app = app(&hub);
    for (name, fault) in
        [(String::new(), "at least one"), ("\0a".into(), "NUL"), ("x".repeat(256), "255"), ("ü".repeat(128), "255")]
    {
        let error = hub.topic::<touka::Event>(&name).unwrap_err();
        assert!(error.is_name() && error.to_string().contains(fault), "{error:?}");
        let response = app.get(&any_of(&name)).send().await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let text = response.text().await;
        assert!(text.contains(fault) && text.len() < 200 && text.lines().count() == 1, "{text:?}");
    }
    assert_eq!(hub.topics(), [""; 0]);
    for name in ["a\nid: forged\n\n", "../../etc/passwd", "a\0", "\"\\", "ü", &"x".repeat(255)] {
        let mut events = app.get(&any_of(name)).events().await;
        untyped(&hub, name).publish("here").await.unwrap();
        assert_eq!(events.next_event().await.unwrap().data, "here", "{name:?}");
    }
    // A message shows a hostile name on one line.
    let long = hub.topic::<touka::Event>(format!("\r\n{}", "\u{1}".repeat(300))).unwrap_err().to_string();
    assert!(long.lines().count() == 1 && long.len() < 400, "{long}");
}
