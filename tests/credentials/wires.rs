//! The end on the wire, in every form.

use std::future::IntoFuture;

use http::Version;
use support::{Visitor, within};
use tokio::net::TcpListener;
use tokio::time::Instant;
use touka::{CloseReason, EventStream};

use crate::scene::{EXPIRED, FORMS, PATIENCE, SOON, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_in_the_past_is_a_head_an_event_and_the_end() {
    for (version, path, _) in FORMS {
        let mut scene = Scene::new().await;
        let mut visitor = Visitor::connect(scene.address, version).await;
        // The connection goes on, for the client's next request.
        for _ in 0..3 {
            let text = visitor.stream(&format!("{path}/past")).await.text().await;
            let (retry, rest) = text.split_once('\n').expect("a line");
            assert!(retry.starts_with("retry: "), "{text}");
            assert_eq!(rest, EXPIRED, "{version:?} {path}");
            assert_eq!(scene.ended().await, CloseReason::Expired);
        }
        scene.is_empty().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_on_time_and_the_client_can_resume() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let start = Instant::now();
        let (mut visitor, mut stream) = scene.open(form, "soon").await;
        let id = scene.publish("one").await;
        let event = stream.next().await.expect("a whole body").expect("an event");
        assert_eq!((event.data.as_str(), &event.id), ("one", &id));
        let last = stream.next().await.expect("a whole body").expect("an event");
        assert!(start.elapsed() >= SOON, "{form:?} after {:?}", start.elapsed());
        assert_eq!((last.name.as_str(), last.data.as_str(), &last.id), ("expired", "", &id), "{form:?}");
        assert!(stream.next().await.expect("a clean end").is_none(), "more after the end: {form:?}");
        assert_eq!(scene.ended().await, CloseReason::Expired);
        scene.is_empty().await;
        // The client resumes with the id, and misses nothing.
        scene.publish("two").await;
        let mut back = visitor.get(&format!("{}/when", form.1), &[("last-event-id", &id)]).await;
        assert_eq!(back.data().await, "two");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_event_is_the_users_choice() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let (_visitor, mut stream) = scene.open(form, "clock").await;
        let last = stream.next().await.expect("a whole body").expect("an event");
        assert_eq!((last.name.as_str(), last.data.as_str()), ("gone", "bye"), "{form:?}");
        assert!(stream.next().await.expect("a clean end").is_none());
        assert_eq!(scene.ended().await, CloseReason::Expired);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shorter_lifetime_ends_the_stream_without_an_event() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let mut visitor = Visitor::connect(scene.address, form.0).await;
        let mut stream = visitor.stream(&format!("{}/both", form.1)).await;
        assert!(stream.next().await.expect("a clean end").is_none(), "{form:?}");
        assert_eq!(scene.ended().await, CloseReason::Expired);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ready_future_ends_the_stream() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let (_visitor, mut stream) = scene.open(form, "when").await;
        let (_other, mut stays) = scene.open(form, "asked").await;
        scene.publish("one").await;
        assert_eq!((stream.data().await, stays.data().await), ("one".into(), "one".into()));
        scene.app.go.notify_one();
        let last = stream.next().await.expect("a whole body").expect("an event");
        assert_eq!(last.name, "expired", "{form:?}");
        assert!(stream.next().await.expect("a clean end").is_none());
        assert_eq!(scene.ended().await, CloseReason::Expired);
        scene.publish("two").await;
        assert_eq!(stays.data().await, "two");
        drop(stays);
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
        scene.is_empty().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_far_in_the_future_never_comes() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let (visitor, mut stream) = scene.open(form, "far").await;
        for number in 0..20 {
            scene.publish(number.to_string()).await;
            assert_eq!(stream.data().await, number.to_string());
            tokio::time::sleep(SOON / 20).await;
        }
        drop((visitor, stream));
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
    }
}

/// Events are made faster than they are written when the end comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_stream_ends_between_two_events() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let (_visitor, mut stream) = scene.open(form, "soon").await;
        let topic = scene.app.topic.clone();
        let busy = tokio::spawn(async move {
            for number in 0u64.. {
                topic.publish(format!("{number} {}", "x".repeat(500))).await.expect("publish");
                tokio::task::yield_now().await;
            }
        });
        let mut expected = None;
        loop {
            let event = stream.next().await.expect("a whole body").expect("an event");
            if event.name == "expired" {
                break;
            }
            let (number, rest) = event.data.split_once(' ').expect("a number");
            let number: u64 = number.parse().expect("a number");
            assert!(expected.is_none_or(|expected| number == expected) && rest.len() == 500, "{}", event.data);
            expected = Some(number + 1);
        }
        assert!(expected.is_some(), "no event at all");
        assert!(stream.next().await.expect("a clean end").is_none(), "{form:?}");
        assert_eq!(scene.ended().await, CloseReason::Expired);
        busy.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_under_axums_server() {
    async fn soon() -> EventStream {
        EventStream::generate(|out| async move {
            out.emit("here").await;
            std::future::pending::<()>().await;
        })
        .close_at(Instant::now() + SOON)
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().route("/soon", axum::routing::get(soon));
    let server = tokio::spawn(axum::serve(listener, app).into_future());
    let start = Instant::now();
    let mut visitor = Visitor::connect(address, Version::HTTP_11).await;
    let text = within(PATIENCE, "the end", visitor.stream("/soon").await.text()).await;
    assert_eq!(text, format!("data: here\n\n{EXPIRED}"));
    assert!(start.elapsed() >= SOON);
    server.abort();
}
