//! The cookie jar of the test kit.

use touka::testing::TestApp;
use touka::{EventStream, Router, route, routes};

/// The head of an event stream sets cookies, and a reconnect sends them.
#[tokio::test(start_paused = true)]
async fn cookies_of_streams_are_kept() {
    #[route(GET, "/visits")]
    async fn visits(headers: http::HeaderMap) -> ([(&'static str, String); 1], EventStream) {
        let count = headers.get("cookie").map_or("visits=0", |value| value.to_str().expect("text")).to_owned();
        let next = count.trim_start_matches("visits=").parse::<u32>().expect("a number") + 1;
        ([("set-cookie", format!("visits={next}"))], EventStream::once(count))
    }
    let app = TestApp::new(Router::new().mount(routes![visits]));
    let visit = |app: TestApp| async move { app.get("/visits").events().await };
    let (ada, bob) = (app.clone().cookies(), app.clone().cookies());
    let mut events = visit(ada.clone()).await;
    assert_eq!(events.next_event().await.expect("an event").data, "visits=0");
    let mut events = events.reconnect().await.expect("the stream");
    assert_eq!(events.next_event().await.expect("an event").data, "visits=1");
    assert_eq!(visit(ada).await.next_event().await.expect("an event").data, "visits=2");
    assert_eq!(visit(bob).await.next_event().await.expect("an event").data, "visits=0");
    assert_eq!(visit(app.clone()).await.next_event().await.expect("an event").data, "visits=0");
    app.assert_nothing_left().await;
}
