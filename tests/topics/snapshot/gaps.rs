//! When a snapshot is sent, and with which ids.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use touka::EventId;
use touka::topic::{OnGap, OnLag, Retention};

use super::{App, assert_snapshot, gap, message, trimmed, within};

#[tokio::test(start_paused = true)]
async fn a_gap_is_followed_by_the_state() {
    for path in ["/gap-only", "/initial", "/bare", "/skip"] {
        let (app, test, ids) = trimmed().await;
        app.hold();
        let mut events = test.get(path).header("last-event-id", &ids[0]).events().await;
        assert_eq!(events.next_event().await, Some(gap("trimmed", &ids[0], &ids[2])), "{path}");
        // Published while the state is loaded, and more than is retained.
        events.assert_pending().await;
        let next = app.publish(["4"]).await;
        app.permits.add_permits(1);
        assert_snapshot(&mut events, &ids[2]).await;
        assert_eq!(events.next_event().await, Some(message("4", &next[0])));
        events.assert_pending().await;
        assert_eq!(app.loads(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_gap_gets_no_state() {
    for path in ["/gap-only", "/initial", "/bare", "/both"] {
        let app = App::new(Retention::new());
        let test = app.test();
        let mut events = test.get("/gap-only").events().await;
        if path == "/both" {
            events = test.get("/both").events().await;
        }
        app.publish(["1"]).await;
        assert_eq!(events.next_event().await.expect("an event").data, "1");
        let id = events.last_event_id();
        app.publish(["2"]).await;
        let mut events = test.get(path).header("last-event-id", &id).events().await;
        assert_eq!(events.next_event().await.expect("an event").data, "2", "{path}");
        assert_eq!(app.loads(), 0);
    }
}

/// A client without an id gets the state if the route says so, and nothing before it.
#[tokio::test(start_paused = true)]
async fn a_new_client_gets_the_state_by_option() {
    for path in ["/initial", "/bare"] {
        let (app, test, ids) = trimmed().await;
        let mut events = test.get(path).events().await;
        assert_snapshot(&mut events, &ids[2]).await;
        assert_eq!(
            events.bytes(),
            format!("id: {at}.s\ndata: first\n\nid: {at}\ndata: last\n\n", at = ids[2]),
            "{path}"
        );
        let next = app.publish(["4"]).await;
        assert_eq!(events.next_event().await, Some(message("4", &next[0])));
    }
    let (app, test, ids) = trimmed().await;
    let mut events = test.get("/gap-only").events().await;
    events.assert_pending().await;
    assert_eq!((events.bytes(), app.loads()), (format!("id: {}\n\n", ids[2]).into(), 0));
}

/// A client that is cut off before the last event of a snapshot gets all of it again.
#[tokio::test(start_paused = true)]
async fn a_client_cut_off_within_a_snapshot_gets_all_of_it() {
    for cut in 1..=2 {
        let (app, test, ids) = trimmed().await;
        let mut events = test.get("/gap-only").header("last-event-id", &ids[0]).events().await;
        for _ in 0..cut {
            events.next_event().await.expect("an event");
        }
        let id = if cut == 2 { within(&ids[2]) } else { events.last_event_id() };
        drop(events);
        assert_eq!(id, within(&ids[2]));
        let next = app.publish(["4"]).await;
        let mut events = test.get("/gap-only").header("last-event-id", &id).events().await;
        assert_eq!(events.next_event().await, Some(gap("interrupted", &id, &next[0])));
        assert_snapshot(&mut events, &next[0]).await;
        // The id names its topic, too.
        let id = EventId::new(id).expect("an id");
        assert_eq!(app.hub.topic_of(&id).await.expect("memory").expect("a topic").name(), "a");
    }
    // Without a snapshot, such a client gets a gap, as every other that misses something.
    let (app, _, ids) = trimmed().await;
    let id = EventId::new(within(&ids[2])).expect("an id");
    let mut stream = app.topic().subscribe(id).await.expect("memory");
    assert!(stream.next().await.expect("a gap").as_data().expect("data").contains("interrupted"));
    assert!(stream.next().now_or_never().is_none());
}

/// After an empty snapshot, the position is sent alone.
#[tokio::test(start_paused = true)]
async fn an_empty_snapshot_leaves_the_position() {
    for (path, position) in [("/initial", true), ("/bare", false)] {
        let (app, test, ids) = trimmed().await;
        app.state.lock().unwrap().clear();
        let mut events = test.get(path).header("last-event-id", &ids[0]).events().await;
        assert_eq!(events.next_event().await, Some(gap("trimmed", &ids[0], &ids[2])));
        events.assert_pending().await;
        let bytes = String::from_utf8(events.bytes().to_vec()).expect("text");
        assert_eq!(bytes.ends_with(&format!("}}\n\nid: {}\n\n", ids[2])), position, "{bytes}");
        // Either id leads to the state: without a position by another snapshot.
        let mut events = events.reconnect().await.expect("the topic goes on");
        app.publish(["4"]).await;
        let name = if position { "message" } else { "gap" };
        assert_eq!(events.next_event().await.expect("an event").name, name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_gets_the_state_in_the_middle() {
    let app = App::new(Retention::new().events(3));
    let topic = app.topic();
    let mut stream = {
        let app = app.clone();
        let subscribe = topic.subscribe(None).on_lag(OnLag::Skip).max_lag(2, u64::MAX);
        subscribe.on_gap(OnGap::snapshot(async move || app.load().await)).await.expect("memory")
    };
    let from = stream.next().await.expect("the position").as_id().expect("an id").to_string();
    assert!(stream.next().now_or_never().is_none());
    let ids = app.publish(["1", "2", "3", "4"]).await;
    let gap = stream.next().await.expect("a gap");
    let data = format!(r#"{{"reason":"lagged","from":"{from}","resumed_at":"{}"}}"#, ids[3]);
    assert_eq!((gap.as_data(), gap.as_id().unwrap().to_string()), (Some(&*data), within(&ids[3])));
    assert_eq!(stream.next().await.unwrap().as_data(), Some("first"));
    assert_eq!(stream.next().await.unwrap().as_data(), Some("last"));
    app.publish(["5"]).await;
    assert_eq!(stream.next().await.unwrap().as_data(), Some("5"));
}

/// A topic that forgets faster than the state is loaded: loads become rare, and the stream stays open.
#[tokio::test(start_paused = true)]
async fn loads_that_are_too_slow_become_rare() {
    for path in ["/gap-only", "/skip"] {
        let (app, test, ids) = trimmed().await;
        app.hold();
        let test = test.timeout(Duration::from_mins(1));
        let mut events = test.get(path).header("last-event-id", &ids[0]).events().await;
        let (start, mut times) = (tokio::time::Instant::now(), Vec::new());
        for reason in ["trimmed", "lagged", "lagged", "lagged", "lagged", "lagged", "lagged", "lagged"] {
            let gap = events.next_event().await.expect("a gap");
            assert!(gap.data.contains(reason), "{gap:?}");
            times.push(start.elapsed().as_secs());
            events.assert_pending().await;
            app.publish(["x", "y"]).await;
            app.permits.add_permits(1);
            assert_eq!(events.next_event().await.expect("the state").data, "first");
            assert_eq!(events.next_event().await.expect("the state").data, "last");
        }
        assert_eq!(times, [0, 1, 3, 7, 15, 31, 61, 91], "{path}");
        // The next load is fast enough.
        app.permits.add_permits(1);
        for _ in ["the gap", "first", "last"] {
            events.next_event().await.expect("an event");
        }
        let id = app.publish(["z"]).await;
        assert_eq!(events.next_event().await, Some(message("z", &id[0])));
        assert_eq!(app.loads(), 9);
    }
}

/// An error of the load ends the stream as one of a handler does, and the client comes back to a snapshot.
#[tokio::test(start_paused = true)]
async fn a_failed_load_ends_the_stream() {
    let (app, test, ids) = trimmed().await;
    app.permits.close();
    for (path, with_id) in [("/gap-only", true), ("/both", true), ("/initial", false)] {
        let mut request = test.get(path);
        if with_id {
            request = request.header("last-event-id", &ids[0]);
        }
        let mut events = request.events().await;
        if with_id {
            assert_eq!(events.next_event().await.expect("a gap").name, "gap");
        }
        let id = events.last_event_id();
        let error = events.next_event().await.expect("an error");
        assert_eq!((&*error.name, &*error.data), ("error", r#"{"status":503,"title":"Service Unavailable"}"#));
        assert_eq!(events.next_event().await, None);
        assert_eq!((error.id == id, id.strip_suffix(".s").is_some()), (true, with_id), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_test_for_the_last_event_sees_the_state() {
    let (_app, test, ids) = trimmed().await;
    let mut events = test.get("/until").events().await;
    assert_snapshot(&mut events, &ids[2]).await;
    assert_eq!(events.next_event().await, None);
}
