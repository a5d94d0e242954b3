//! Checks that run while the stream is open.

use std::sync::atomic::Ordering;

use touka::CloseReason;

use crate::scene::{FORMS, PATIENCE, Scene};

/// A passed check sends nothing to the client, and a failed one sends the last event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_failed_check_sends_an_event() {
    for form in FORMS {
        let mut scene = Scene::new().await;
        let (_visitor, mut stream) = scene.open(form, "asked").await;
        scene.publish("one").await;
        assert_eq!(stream.data().await, "one");
        let open = scene.handle.streams().remove(0);
        // A body sends the position as an event of its own.
        let events = if form.1 == "/body" { 2 } else { 1 };
        support::until(PATIENCE, "the event is counted", || open.events() == Some(events)).await;
        let (bytes, asked) = (open.bytes(), scene.app.asked.load(Ordering::SeqCst));
        support::until(PATIENCE, "more questions", || scene.app.asked.load(Ordering::SeqCst) >= asked + 5).await;
        assert_eq!((open.bytes(), open.is_parked()), (bytes, form.2), "{form:?}");
        // Events continue between the checks.
        scene.publish("two").await;
        assert_eq!(stream.data().await, "two");
        scene.app.stays.store(false, Ordering::SeqCst);
        let last = stream.next().await.expect("a whole body").expect("an event");
        assert_eq!(last.name, "expired", "{form:?}");
        assert!(stream.next().await.expect("a clean end").is_none());
        assert_eq!(scene.ended().await, CloseReason::Expired);
        // After the end no further check runs.
        let asked = scene.app.asked.load(Ordering::SeqCst);
        scene.is_empty().await;
        assert_eq!(scene.app.asked.load(Ordering::SeqCst), asked);
    }
}
