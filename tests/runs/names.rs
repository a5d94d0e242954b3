//! Keys and owners of all kinds, and what others can find out about a run.

use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use support::Folder;
use touka::response::{IntoResponse as _, StatusCode};
use touka::run::{Begun, RunError};
use touka::{Event, EventId, EventStream, Hub};

use crate::scene::{run, seen, start_endless, start_short};

/// Names that mean something to an engine, a protocol or a terminal.
const ODD: [&str; 14] = [
    "a/b",
    "\0",
    "\0run/a",
    "a\nb",
    "\r\n\r\n",
    " ",
    "*",
    ">",
    "a.*.>",
    "{a}b{c}",
    "..",
    "ключ 🔑",
    "\u{202e}",
    "$JS.API.>",
];

/// Each odd key is a run of its own, with an odd owner.
pub(crate) async fn odd_names_are_names(hub: &Hub) {
    let long = "x".repeat(250);
    for name in ODD.into_iter().chain([long.as_str()]) {
        let run = run(hub, name).owner(name);
        assert_eq!(start_short(&run, "x").await.expect("no error"), Begun::Started, "{name:?}");
        run.wait().await.expect("no error");
    }
    for name in ODD.into_iter().chain([long.as_str()]) {
        let own = run(hub, name).owner(name);
        assert_eq!(start_short(&own, "y").await.expect("no error"), Begun::Joined, "{name:?}");
        assert_eq!(seen(&own).await, ["x", "{}"], "{name:?}");
        let runs = hub.runs(name).await.expect("no error");
        assert_eq!(runs.iter().map(touka::run::RunInfo::key).collect::<Vec<_>>(), [name]);
        assert!(run(hub, name).status().await.expect_err("an error").is_unknown());
        own.forget().await.expect("no error");
        assert!(hub.runs(name).await.expect("no error").is_empty(), "{name:?}");
    }
}

#[tokio::test]
async fn odd_names_are_names_in_memory() {
    odd_names_are_names(&Hub::memory()).await;
}

#[tokio::test]
async fn odd_names_are_names_in_a_file() {
    let folder = Folder::new();
    odd_names_are_names(&Hub::open(folder.path("events")).expect("no error")).await;
}

#[tokio::test]
async fn names_that_are_empty_or_too_long_are_errors() {
    let hub = Hub::memory();
    for name in [String::new(), "x".repeat(251), "é".repeat(126)] {
        let error = hub.run(&name).expect_err("an error");
        assert!(error.is_key());
        assert_eq!(error.into_response().status(), StatusCode::BAD_REQUEST);
        let owned = run(&hub, "a").owner(&name);
        assert!(start_short(&owned, "x").await.expect_err("an error").is_key());
        assert!(hub.runs(&name).await.expect_err("an error").is_key());
        // No run has such an owner.
        assert!(owned.status().await.expect_err("an error").is_unknown());
    }
    assert!(hub.topics().is_empty());
}

async fn response(error: RunError) -> (StatusCode, Vec<String>, String) {
    let response = error.into_response();
    let headers = response.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    let status = response.status();
    let body = response.into_body().collect().await.expect("no error").to_bytes();
    (status, headers, String::from_utf8(body.to_vec()).expect("no error"))
}

/// The answer about a run of another owner does not differ from that about a run that does not exist.
#[tokio::test(start_paused = true)]
async fn a_foreign_run_does_not_exist() {
    let hub = Hub::memory();
    start_endless(&run(&hub, "a").owner("alice"), "x").await.expect("no error");
    let unknown = response(run(&hub, "b").status().await.expect_err("an error")).await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
    for foreign in [run(&hub, "a"), run(&hub, "a").owner("bob"), run(&hub, "a").owner("Alice")] {
        let errors = [
            foreign.status().await.expect_err("an error"),
            foreign.stop().await.expect_err("an error"),
            foreign.wait().await.expect_err("an error"),
            foreign.forget().await.expect_err("an error"),
            foreign.follow::<Event>(None).await.expect_err("an error"),
            start_short(&foreign, "y").await.expect_err("an error"),
        ];
        for error in errors {
            assert!(error.is_unknown());
            assert_eq!(response(error).await, unknown);
        }
    }
    let own = run(&hub, "a").owner("alice");
    assert!(own.forget().await.expect_err("an error").is_running());
    own.stop().await.expect("no error");
    assert_eq!(seen(&own).await, ["x", r#"{"reason":"stopped"}"#]);
    // Also one that has ended.
    assert!(start_short(&run(&hub, "a").owner("bob"), "y").await.expect_err("an error").is_unknown());
    assert!(run(&hub, "a").owner("bob").forget().await.expect_err("an error").is_unknown());
}

/// The topics of runs cannot be reached as topics: not by name, and not by an id.
#[tokio::test]
async fn the_topic_of_a_run_cannot_be_reached() {
    let folder = Folder::new();
    for hub in [Hub::memory(), Hub::open(folder.path("events")).expect("no error")] {
        let run = run(&hub, "a").owner("alice");
        start_short(&run, "x").await.expect("no error");
        run.wait().await.expect("no error");
        let mut ids: Vec<EventId> = Vec::new();
        let mut stream: EventStream = run.follow(None).await.expect("no error");
        while let Some(event) = futures_util::StreamExt::next(&mut stream).await {
            ids.extend(event.as_id().cloned());
        }
        assert!(ids.len() >= 3);
        for id in ids {
            assert!(hub.topic_of(&id).await.expect("no error").is_none());
        }
        for name in ["\0run/a", "\0own/alice", "\0"] {
            assert!(hub.topic::<Event>(name).expect_err("an error").is_name());
            assert!(hub.get::<Event>(name).await.expect("no error").is_none());
            assert!(!hub.remove(name).await.expect("no error"));
            assert!(hub.subscribe([name], None).is_err());
        }
        assert!(hub.topics().is_empty());
        assert_eq!(seen(&run).await, ["x", "{}"]);
    }
}

/// A start without a runtime says so, and leaves the key free.
#[test]
fn a_start_outside_of_a_runtime_is_an_error() {
    let hub = Hub::memory();
    let begun = start_short(&run(&hub, "a"), "x").now_or_never();
    let error = begun.expect("ready").expect_err("an error");
    assert!(error.is_hub() && error.to_string().starts_with("there is no tokio runtime here"), "{error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let begun = runtime.block_on(start_short(&run(&hub, "a"), "x"));
    assert_eq!(begun.expect("no error"), Begun::Started);
}
