//! A shutdown while clients connect.

use std::time::Duration;

use support::{Client, Descriptors, until, within};
use touka::Server;
use touka::topic::Retention;

use crate::scene::{FORMS, PATIENCE, Scene};

const CLIENTS: usize = 700;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_connects_during_a_shutdown_gets_a_retry() {
    let _reserved = Descriptors::reserve(4_000).await;
    for park in [FORMS; 3].concat() {
        // The deadline is far away: a stream without a turn of its own would wait for it.
        let set = |server: Server| server.shutdown_timeout(PATIENCE * 3).drain_window(Duration::from_millis(500));
        let mut scene = Scene::with(park, Retention::new(), set).await;
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(Client::connect(scene.server.address).await);
        }
        for client in &mut clients {
            client.send("GET /a HTTP/1.1\r\nhost: test\r\n\r\n").await;
        }
        // Some clients have connected, and others are about to.
        let handle = scene.handle.clone();
        until(PATIENCE, "a stream", || handle.count() > 0).await;
        scene.server.stop();
        let mut ended = 0;
        for client in clients {
            // A request that was not read before the shutdown gets no response.
            let Ok(rest) = within(PATIENCE, "the end", client.rest()).await else { continue };
            if !rest.is_empty() {
                let rest = String::from_utf8(rest).unwrap();
                let (_, body) = rest.split_once("\r\n\r\n").unwrap();
                assert!(body.contains("retry: "), "{body:?}");
                assert!(body.ends_with("0\r\n\r\n"), "{body:?}");
                ended += 1;
            }
        }
        assert!(ended > 0);
        within(PATIENCE, "the shutdown", scene.server.stopped(PATIENCE)).await;
        assert_eq!(scene.held.get(), 0);
    }
}
