//! One body feeds a topic for all its subscribers: it starts with the first, is dropped after the last, and
//! its end ends every subscription.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use http::StatusCode;
use support::Count;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, advance, sleep};
use touka::extract::{LastEventId, State};
use touka::testing::{Events, TestApp};
use touka::topic::HubError;
use touka::{CloseReason, EventStream, Hub, Router, Topic, route, routes};

/// How a body ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Ok,
    Error,
    Panic,
}

#[derive(Clone)]
struct App {
    hub: Hub,
    /// The number of bodies started, and of those alive.
    started: Count,
    alive: Count,
    /// Ends the running body.
    end: Arc<Mutex<Option<oneshot::Sender<End>>>>,
    closed: UnboundedSender<CloseReason>,
}

/// Publishes the number of its body and of its ticks, each second.
#[route(GET, "/feed")]
async fn feed(State(app): State<App>, from: LastEventId) -> Result<EventStream, StatusCode> {
    if from.ended("done") {
        return Err(StatusCode::NO_CONTENT);
    }
    let failed = |_: HubError| StatusCode::INTERNAL_SERVER_ERROR;
    let tell = app.closed.clone();
    let fed = app.hub.topic("a").map_err(failed)?.fed_by(move |topic| async move {
        let _alive = app.alive.hold();
        app.started.add();
        let (end, mut ended) = oneshot::channel();
        *app.end.lock().expect("not poisoned") = Some(end);
        for tick in 0.. {
            topic.publish(format!("{}:{tick}", app.started.get())).await.map_err(|_| StatusCode::CONFLICT)?;
            tokio::select! {
                () = sleep(Duration::from_secs(1)) => {}
                end = &mut ended => match end.expect("the test ends it") {
                    End::Ok => return Ok(()),
                    End::Error => return Err(StatusCode::BAD_GATEWAY),
                    End::Panic => panic!("this body panics on purpose"),
                }
            }
        }
        Ok(())
    });
    Ok(fed.subscribe(from).await.map_err(failed)?.end("done").on_close(move |reason| {
        let _ = tell.send(reason);
    }))
}

struct Test {
    app: TestApp,
    state: App,
    closed: UnboundedReceiver<CloseReason>,
}

fn test() -> Test {
    let (tell, closed) = unbounded_channel();
    let state = App {
        hub: Hub::memory(),
        started: Count::default(),
        alive: Count::default(),
        end: Arc::default(),
        closed: tell,
    };
    Test { app: TestApp::new(Router::new().mount(routes![feed]).with_state(state.clone())), state, closed }
}

impl Test {
    async fn client(&self) -> Events {
        self.app.get("/feed").events().await
    }

    fn end(&self, end: End) {
        self.state
            .end
            .lock()
            .expect("not poisoned")
            .take()
            .expect("a body runs")
            .send(end)
            .expect("the body waits for its end");
    }

    /// The number of bodies started, and of those alive.
    fn bodies(&self) -> (usize, usize) {
        (self.state.started.get(), self.state.alive.get())
    }
}

async fn data(events: &mut Events) -> String {
    events.next_event().await.expect("an event").data
}

/// Lets all tasks run: a paused clock advances once every task is idle.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn one_body_feeds_many_clients_and_starts_with_the_first() {
    let test = test();
    let _name: Topic = test.state.hub.topic("a").unwrap();
    settle().await;
    assert_eq!(test.bodies(), (0, 0), "there is no subscriber");
    let mut first = test.client().await;
    assert_eq!(data(&mut first).await, "1:0", "the first event of the body");
    let mut others = [test.client().await, test.client().await];
    for tick in 1..5 {
        assert_eq!(data(&mut first).await, format!("1:{tick}"));
        for other in &mut others {
            assert_eq!(data(other).await, format!("1:{tick}"));
        }
    }
    // The first client may leave: the body does not belong to it.
    first.disconnect();
    assert_eq!(data(&mut others[0]).await, "1:5");
    assert_eq!(test.bodies(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_is_dropped_five_seconds_after_its_last_client() {
    let test = test();
    let mut clients = vec![test.client().await, test.client().await];
    settle().await;
    let start = Instant::now();
    clients.pop();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(test.bodies(), (1, 1), "one client is connected");
    clients.pop();
    test.app.assert_nothing_left().await;
    sleep(Duration::from_millis(4990)).await;
    assert_eq!(test.bodies(), (1, 1), "after {:?}", start.elapsed());
    sleep(Duration::from_millis(20)).await;
    assert_eq!(test.bodies(), (1, 0));
    // The next client starts another body.
    let mut client = test.client().await;
    assert_eq!(data(&mut client).await, "2:0");
    assert_eq!(test.bodies(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reloaded_page_does_not_restart_the_body() {
    let test = test();
    let mut client = test.client().await;
    data(&mut client).await;
    for _ in 0..4 {
        // The five seconds restart each time: the body lives on, though it had no client for far longer in
        // total.
        client.disconnect();
        test.app.assert_nothing_left().await;
        sleep(Duration::from_secs(3)).await;
        client = test.client().await;
        assert_eq!(test.bodies(), (1, 1));
    }
    // A short visit does not shorten them either.
    client.disconnect();
    test.app.assert_nothing_left().await;
    sleep(Duration::from_secs(4)).await;
    test.client().await.disconnect();
    test.app.assert_nothing_left().await;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(test.bodies(), (1, 1));
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(test.bodies(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_body_ends_every_subscription() {
    for (end, reason, status) in [
        (End::Ok, CloseReason::Completed, None),
        (End::Error, CloseReason::Failed, Some(r#"{"status":502,"title":"Bad Gateway"}"#)),
        (End::Panic, CloseReason::Panicked, Some(r#"{"status":500,"title":"Internal Server Error"}"#)),
    ] {
        let mut test = test();
        let mut clients = [test.client().await, test.client().await, test.client().await];
        // All get the second tick; one reads nothing after it until later.
        for client in &mut clients {
            while data(client).await != "1:1" {}
        }
        clients[2].stall();
        test.end(end);
        for client in &mut clients[..2] {
            let last = last_of(client).await;
            let expected = status.map_or(("done", ""), |status| ("error", status));
            assert_eq!((last.name.as_str(), last.data.as_str()), expected, "{end:?}");
            assert_eq!(test.closed.recv().await, Some(reason), "{end:?}");
        }
        assert_eq!(test.bodies(), (1, 0));

        // The next client starts a body again.
        let mut next = test.client().await;
        assert_eq!(data(&mut next).await, "2:0");
        // The slow client was subscribed at the end, and ends.
        clients[2].resume();
        let last = last_of(&mut clients[2]).await;
        assert_eq!(last.name, if status.is_some() { "error" } else { "done" });
        assert_eq!(test.closed.recv().await, Some(reason));
        assert_eq!(data(&mut next).await, "2:1");
    }
}

/// The last event before the end.
async fn last_of(events: &mut Events) -> touka::testing::Received {
    events.rest().await.pop().expect("an event at least")
}

#[tokio::test(start_paused = true)]
async fn a_client_of_an_ended_body_resumes_with_the_next() {
    let test = test();
    let mut client = test.client().await;
    assert_eq!(data(&mut client).await, "1:0");
    test.end(End::Error);
    assert_eq!(client.next_event().await.unwrap().name, "error");
    assert_eq!(client.next_event().await, None);
    let mut client = client.reconnect().await.expect("the stream goes on");
    assert_eq!(data(&mut client).await, "2:0");
    // The last event of a body reaches every client that resumes, before the next body begins.
    test.state.hub.topic::<touka::Event>("a").unwrap().publish("from elsewhere").await.unwrap();
    test.end(End::Ok);
    assert_eq!(data(&mut client).await, "from elsewhere");
    assert_eq!(client.next_event().await.unwrap().id, "done");
    // The id of the end means that nothing follows.
    assert!(client.reconnect().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_at_once_ends_its_first_subscriber() {
    let hub = Hub::memory();
    let topic: Topic = hub.topic("a").unwrap();
    for _ in 0..3 {
        let fed = topic.fed_by(|_| async { Err(StatusCode::BAD_GATEWAY) });
        let body = fed.subscribe(None).await.unwrap().into_response().into_body();
        let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.ends_with("event: error\ndata: {\"status\":502,\"title\":\"Bad Gateway\"}\n\n"), "{text}");
    }
    let panics = topic.fed_by(|_| -> std::future::Ready<()> { panic!("on purpose, before there is a future") });
    let body = panics.subscribe(None).await.unwrap().into_response().into_body();
    let bytes = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&bytes).contains("\"status\":500"));
}

#[tokio::test(start_paused = true)]
async fn a_body_may_loop_for_ever() {
    let topic: Topic = Hub::memory().topic("a").unwrap();
    let fed = topic.fed_by(|topic| async move {
        loop {
            let _ = topic.publish("tick").await;
            sleep(Duration::from_secs(1)).await;
        }
    });
    let mut stream = fed.subscribe(None).await.unwrap().skip(1);
    for _ in 0..3 {
        assert_eq!(stream.next().await.unwrap().as_data(), Some("tick"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_body_may_use_its_topic() {
    /// Reads the topic's number of subscribers when it is dropped.
    struct Asks(Topic, Count);

    impl Drop for Asks {
        fn drop(&mut self) {
            assert_eq!(self.0.subscribers(), 2);
            self.1.add();
        }
    }

    let hub = Hub::memory();
    let topic: Topic = hub.topic("a").unwrap();
    let first = topic.fed_by(|_| std::future::pending::<()>()).subscribe(None).await.unwrap();
    let dropped = Count::default();
    let asks = Asks(topic.clone(), dropped.clone());
    let unused = topic.fed_by(move |_| async move {
        drop(asks);
    });
    let second = unused.subscribe(None).await.unwrap();
    assert_eq!(dropped.get(), 1);
    drop((first, second));
    advance(Duration::from_secs(1)).await;
    assert_eq!(topic.subscribers(), 0);
}
