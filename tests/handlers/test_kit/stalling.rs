//! Clients that do not read.

use std::time::Duration;

use support::Count;
use tokio::time::sleep;
use touka::testing::TestApp;
use touka::{Router, routes};

use super::{MINUTE, app, failure, flood};

#[tokio::test(start_paused = true)]
async fn a_stalled_client_suspends_the_emit_until_it_resumes() {
    // Shorter in total than the write timeout, which cuts off such a client.
    const MOMENT: Duration = Duration::from_secs(5);
    let emitted = Count::default();
    let app = app(&emitted);
    let mut events = app.get("/flood").events().await;
    events.next_event().await;
    events.stall();
    sleep(MOMENT).await;
    let stood = emitted.get();
    assert!(stood < 400, "{stood} events of 1 kB were buffered");
    sleep(MOMENT).await;
    assert_eq!(emitted.get(), stood, "the handler ran on");

    // What had been written before can be read, and nothing after it.
    let read = failure(async {
        for _ in 0..1000 {
            events.next_event().await;
        }
    })
    .await;
    assert!(read.contains("GET /flood sent no event within 5s"), "{read}");
    assert!(read.contains("hint: the client is stalled: call `resume` first"), "{read}");
    assert_eq!(emitted.get(), stood);

    events.resume();
    for _ in 0..1000 {
        assert_eq!(events.next_event().await.expect("an event").data.len(), 1000);
    }
    assert!(emitted.get() >= 1000);
    drop(events);
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stays_stalled_is_cut_off() {
    let emitted = Count::default();
    let app = app(&emitted);
    let mut events = app.get("/flood").events().await;
    events.next_event().await;
    events.stall();
    sleep(MINUTE).await;
    let read = failure(async { while events.next_event().await.is_some() {} }).await;
    assert!(read.contains("GET /flood broke off"), "{read}");
    drop(events);
    app.assert_nothing_left().await;
}

/// A client that does not read is a slow one, and the pipe's capacity decides how soon it blocks the handler.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_blocks_the_handler() {
    let emitted = Count::default();
    let routes = Router::new().mount(routes![flood]).with_state(emitted.clone());
    let _events = TestApp::new(routes).pipe_capacity(1024).get("/flood").events().await;
    sleep(MINUTE).await;
    // One event is in the pipe, and one waits for capacity.
    assert!((1..=2).contains(&emitted.get()), "{}", emitted.get());
}
