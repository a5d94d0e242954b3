//! Plain functions that block: on threads of their own, which starve nobody and hold no process.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum_core::response::IntoResponse;
use futures_util::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use support::{Client, Process, until, within};
use touka::{Event, EventSender, EventStream, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// How many run at a time in a process.
const MOST: usize = 512;

#[tokio::test]
async fn a_signal_ends_a_process_whose_handlers_sleep() {
    // A second one: nobody must need a second signal.
    for clients in [1, 3] {
        let fixture = Process::start(env!("CARGO_BIN_EXE_touka-fixture"), &[]).await;
        let mut sleepers = Vec::new();
        for _ in 0..clients {
            let mut client = Client::stream(fixture.address, "/sleeps").await;
            assert_eq!(client.data().await, "it sleeps for an hour");
            sleepers.push(client);
        }
        fixture.signal("TERM").await;
        let ended = fixture.ended(PATIENCE).await;
        assert!(ended.success(), "{ended}");
    }
}

/// A body that has begun, and the way to end it.
struct Body {
    stream: EventStream,
    #[expect(dead_code, reason = "the body ends when this is dropped")]
    end: mpsc::Sender<()>,
}

/// Blocks until it is told to end. The figure counts those that run.
fn body(running: &Arc<Mutex<usize>>) -> Body {
    let (end, ended) = mpsc::channel();
    let running = Arc::clone(running);
    let stream = EventStream::spawn_blocking(1, move |events: EventSender| {
        *running.lock().expect("no panic") += 1;
        events.blocking_send("runs").expect("the stream is there");
        let _ = ended.recv();
        *running.lock().expect("no panic") -= 1;
    });
    Body { stream, end }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_bounded_and_starve_neither_the_pool_nor_each_other() {
    let running = Arc::new(Mutex::new(0));
    let count = || *running.lock().expect("no panic");
    let mut bodies = Vec::new();
    for _ in 0..MOST {
        let mut body = body(&running);
        let first = within(PATIENCE, "a body's first event", body.stream.next()).await;
        assert_eq!(first, Some(Event::data("runs")));
        bodies.push(body);
    }
    assert_eq!(count(), MOST);

    // tokio's own threads for such work are all free.
    let pool = tokio::task::spawn_blocking(|| 7);
    assert_eq!(within(PATIENCE, "tokio's pool", pool).await.expect("no panic"), 7);

    // More of them wait, as the others of the thread go on.
    let mut late = [body(&running), body(&running), body(&running)];
    for body in &mut late {
        assert_eq!(body.stream.next().now_or_never(), None, "there is a thread too many");
    }
    #[sse_handler]
    async fn another() {
        emit!("at once");
    }
    assert_eq!(within(PATIENCE, "an async handler", another().await.next()).await, Some(Event::data("at once")));
    // So does the head of a response.
    let [mut first, second, mut third] = late;
    drop(second);

    // The first that waits has the thread of the first that ends. One that has left has none.
    drop(bodies.remove(7));
    assert_eq!(within(PATIENCE, "a thread for the next", first.stream.next()).await, Some(Event::data("runs")));
    assert_eq!(third.stream.next().now_or_never(), None);
    drop(bodies.remove(7));
    assert_eq!(within(PATIENCE, "a thread for the next", third.stream.next()).await, Some(Event::data("runs")));

    drop((first, third, bodies));
    until(PATIENCE, "all have ended", || count() == 0).await;
}

#[tokio::test]
async fn they_know_the_runtime_they_came_from() {
    #[sse_handler(channel = 4)]
    fn asks(events: EventSender) {
        let runtime = tokio::runtime::Handle::current();
        let text = runtime.block_on(async { tokio::spawn(async { "from a task" }).await.expect("no panic") });
        events.blocking_send(text).expect("the stream is there");
    }
    let name = |events: EventSender| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        events.blocking_send(name).expect("the stream is there");
    };
    let mut stream = asks().await;
    assert_eq!(within(PATIENCE, "its event", stream.next()).await, Some(Event::data("from a task")));
    assert_eq!(within(PATIENCE, "its end", stream.next()).await, None);
    let mut stream = EventStream::<Event>::spawn_blocking(4, name);
    assert_eq!(within(PATIENCE, "its event", stream.next()).await, Some(Event::data("touka-blocking")));
}

#[tokio::test]
async fn one_that_panics_ends_its_stream() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let stream = EventStream::<Event>::spawn_blocking(4, |events| {
        events.blocking_send("here").expect("the stream is there");
        panic!("this function panics on purpose");
    });
    let stream = stream.on_close(move |reason| {
        let _ = tell.send(reason);
    });
    let body = within(PATIENCE, "the body", stream.into_response().into_body().collect()).await;
    let bytes = body.expect("a stream cannot fail").to_bytes();
    assert_eq!(bytes, "data: here\n\nevent: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n");
    assert_eq!(told.await, Ok(touka::CloseReason::Panicked));
}
