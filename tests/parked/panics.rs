//! User code that panics ends its own stream only.

use support::Client;
use touka::topic::Retention;
use touka::{CloseReason, Server};

use crate::scene::{FORMS, PATIENCE, Scene};

/// A shutdown that waits for something leaked would take this long, and fail.
fn patient(server: Server) -> Server {
    server.shutdown_timeout(PATIENCE * 2).max_connections(7)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_drop_affects_one_client() {
    for park in FORMS {
        let mut scene = Scene::with(park, Retention::new(), patient).await;
        let mut innocent = Vec::new();
        for _ in 0..5 {
            innocent.push(scene.client("/a").await);
        }
        for turn in 0..10 {
            // Its connection is closed again: the server accepts seven in total.
            let mut panics = scene.client("/panics").await;
            scene.publish(turn.to_string()).await;
            for client in innocent.iter_mut().chain([&mut panics]) {
                assert_eq!(client.data().await, turn.to_string());
            }
            drop(panics);
            assert_eq!(scene.ended().await, CloseReason::Disconnected);
            support::until(PATIENCE, "its stream is not listed any more", || scene.handle.count() == 5).await;
        }
        let mut late = scene.client("/a").await;
        scene.publish("last").await;
        assert_eq!(late.data().await, "last");
        drop((innocent, late));
        for _ in 0..6 {
            assert_eq!(scene.ended().await, CloseReason::Disconnected);
        }
        scene.server.stop();
        scene.server.stopped(PATIENCE).await;
        assert_eq!(scene.held.get(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_in_drops_delay_no_shutdown() {
    for park in FORMS {
        let mut scene = Scene::with(park, Retention::new(), patient).await;
        let mut clients: Vec<Client> = Vec::new();
        for path in ["/panics", "/a", "/panics", "/a", "/panics", "/a"] {
            clients.push(scene.client(path).await);
        }
        scene.server.stop();
        for client in &mut clients {
            assert_eq!(client.next().await.unwrap(), None);
            assert!(client.parser().retry().is_some());
            assert_eq!(scene.ended().await, CloseReason::Shutdown);
        }
        scene.server.stopped(PATIENCE).await;
        assert_eq!(scene.held.get(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_stream_panicked_at_its_end_goes_on() {
    for park in FORMS {
        let mut scene = Scene::new(park).await;
        let mut client = scene.client("/panics").await;
        for _ in 0..3 {
            assert_eq!(scene.handle.close(|_| true), 1);
            assert_eq!(client.next().await.unwrap(), None);
            assert!(client.parser().retry().is_some());
            assert_eq!(scene.ended().await, CloseReason::Shutdown);
            client.send("GET /panics HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(client.head().await.status(), 200);
            scene.is_in_form();
        }
    }
}
