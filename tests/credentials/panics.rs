//! User code that panics beside a stream: it ends that stream, and no other.

use touka::{CloseReason, Server};

use crate::scene::{FORMS, PATIENCE, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_its_stream_with_an_error() {
    for form in FORMS {
        for what in ["panics", "question-panics", "answer-panics"] {
            let mut scene = Scene::new().await;
            let (_innocent, mut other) = scene.open(form, "asked").await;
            let (_visitor, mut stream) = scene.open(form, what).await;
            if what == "panics" {
                scene.app.go.notify_one();
            }
            let last = stream.next().await.expect("a whole body").expect("an event");
            let told = (last.name.as_str(), last.data.as_str());
            assert_eq!(told, ("error", r#"{"status":500,"title":"Internal Server Error"}"#), "{form:?} {what}");
            assert!(stream.next().await.expect("a clean end").is_none());
            assert_eq!(scene.ended().await, CloseReason::Panicked);
            scene.publish("still there").await;
            assert_eq!(other.data().await, "still there");
        }
    }
}

/// Two destructors that panic during one unwind would abort the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destructors_that_panic_end_only_their_stream() {
    for form in FORMS {
        let mut scene = Scene::with(Server::new().shutdown_timeout(PATIENCE * 2)).await;
        let (innocent, mut other) = scene.open(form, "plain").await;
        // The client disconnects.
        drop(scene.open(form, "drop-panics").await);
        assert_eq!(scene.ended().await, CloseReason::Panicked, "{form:?}");
        support::until(PATIENCE, "the stream is not listed any more", || scene.handle.count() == 1).await;
        // The server ends the stream: the first reason counts.
        let (visitor, mut stream) = scene.open(form, "drop-panics").await;
        assert_eq!(scene.handle.close(|stream| stream.label() == Some("drop-panics")), 1);
        assert!(stream.next().await.expect("a clean end").is_none(), "{form:?}");
        assert_eq!(scene.ended().await, CloseReason::Shutdown);
        scene.publish("still there").await;
        assert_eq!(other.data().await, "still there");
        drop((innocent, other, visitor, stream));
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
        scene.is_empty().await;
        scene.server.stop();
        scene.server.stopped(PATIENCE).await;
    }
}
