//! How streams end.

use std::time::Duration;

use futures_util::StreamExt;
use support::{Client, until, within};
use touka::CloseReason;
use touka::topic::Retention;

use crate::scene::{FORMS, PATIENCE, Scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_is_noticed_at_once() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let client = scene.client("/a").await;
        assert_eq!(scene.topic.subscribers(), 1);
        drop(client);
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
        scene.client("/a").await.reset();
        assert_eq!(scene.ended().await, CloseReason::Disconnected);
        until(PATIENCE, "all is dropped", || {
            scene.held.get() == 0 && scene.topic.subscribers() == 0 && scene.handle.count() == 0
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lifetimes_end_a_stream() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut client = Client::stream(scene.server.address, "/short").await;
        assert_eq!(client.next().await.unwrap(), None);
        assert_eq!((scene.ended().await, client.parser().retry()), (CloseReason::Expired, None));
        let mut scene =
            Scene::with(park, Retention::new(), |server| server.max_lifetime(Duration::from_millis(50))).await;
        let mut client = Client::stream(scene.server.address, "/a").await;
        assert_eq!(client.next().await.unwrap(), None);
        assert_eq!(scene.ended().await, CloseReason::Expired);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_and_a_handle_end_a_stream_with_a_retry() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut client = scene.client("/a").await;
        let mut other = scene.client("/a").await;
        let first = scene.handle.streams().remove(0);
        first.close();
        assert_eq!(client.next().await.unwrap(), None);
        assert!(client.parser().retry().is_some());
        assert_eq!(scene.ended().await, CloseReason::Shutdown);
        scene.publish("still there").await;
        assert_eq!(other.data().await, "still there");
        scene.server.stop();
        assert_eq!(other.next().await.unwrap(), None);
        assert!(other.parser().retry().is_some());
        assert_eq!(within(PATIENCE, "the end", scene.ends.recv()).await, Some(CloseReason::Shutdown));
        scene.server.stopped(PATIENCE).await;
        assert_eq!(scene.held.get(), 0);
    }
}

/// The end of a feed reaches its subscribers, even if another body begins at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_feed_reaches_its_subscribers() {
    for form in [FORMS; 10].concat() {
        let mut scene = Scene::new(form).await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(scene.client("/fed").await);
        }
        // A task starts another body as soon as this one has ended: before or after the other readers are
        // polled.
        let topic = scene.topic.clone();
        let mut follows = topic.subscribe(None).await.expect("a subscription");
        let follower = tokio::spawn(async move {
            while follows.next().await.is_some() {}
            let next = topic.fed_by(|topic| async move {
                let _ = topic.publish("of the next body").await;
                std::future::pending::<()>().await;
            });
            next.subscribe(None).await
        });
        scene.publish("one").await;
        for client in &mut clients {
            assert_eq!(client.data().await, "one");
        }
        scene.stop.notify_one();
        for client in &mut clients {
            assert_eq!(client.data().await, r#"{"status":502,"title":"Bad Gateway"}"#);
            assert_eq!(scene.ended().await, CloseReason::Failed);
        }
        drop(follower.await.expect("a beginning").expect("a subscription"));
    }
}
