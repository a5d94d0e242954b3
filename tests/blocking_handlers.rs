//! Plain functions that block: they run on threads of their own, starve no other task, and do not keep a
//! process from exiting.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use support::{Client, Process, until, within};
use touka::{Event, EventSender, EventStream, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

/// The maximum number of blocking bodies that run at a time in a process.
const MOST: usize = 512;

#[tokio::test]
async fn a_signal_ends_a_process_whose_handlers_sleep() {
    // Two rounds: a second signal must not be needed.
    for clients in [1, 3] {
        let fixture = Process::start(env!("CARGO_BIN_EXE_touka-fixture"), &[]).await;
        let mut sleepers = Vec::new();
        for _ in 0..clients {
            let mut client = Client::stream(fixture.address, "/sleeps").await;
            assert_eq!(client.data().await, "sleeping for an hour");
            sleepers.push(client);
        }
        fixture.signal("TERM").await;
        let ended = fixture.ended(PATIENCE).await;
        assert!(ended.success(), "{ended}");
    }
}

/// A body that has begun, and the sender that ends it.
struct Body {
    stream: EventStream,
    #[expect(dead_code, reason = "the body ends when this is dropped")]
    end: mpsc::Sender<()>,
}

/// A body that blocks until its sender is dropped. `running` counts the bodies that run.
fn body(running: &Arc<Mutex<usize>>) -> Body {
    let (end, ended) = mpsc::channel();
    let running = Arc::clone(running);
    let stream = EventStream::spawn_blocking(1, move |events: EventSender| {
        *running.lock().expect("no panic") += 1;
        events.blocking_send("runs").expect("the stream is open");
        let _ = ended.recv();
        *running.lock().expect("no panic") -= 1;
    });
    Body { stream, end }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocking_bodies_are_bounded_and_starve_no_pool() {
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

    // tokio's own blocking threads are all free.
    let pool = tokio::task::spawn_blocking(|| 7);
    assert_eq!(within(PATIENCE, "tokio's pool", pool).await.expect("no panic"), 7);

    // More bodies wait while the running ones go on.
    let mut late = [body(&running), body(&running), body(&running)];
    for body in &mut late {
        assert_eq!(body.stream.next().now_or_never(), None, "there is one thread too many");
    }
    #[sse_handler]
    async fn another() {
        emit!("at once");
    }
    assert_eq!(within(PATIENCE, "an async handler", another().await.next()).await, Some(Event::data("at once")));
    // Async handlers go on, and so does the head of a response.
    let [mut first, second, mut third] = late;
    drop(second);

    // The first waiting body gets the thread of the first that ends. A dropped one gets none.
    drop(bodies.remove(7));
    assert_eq!(within(PATIENCE, "a thread for the next", first.stream.next()).await, Some(Event::data("runs")));
    assert_eq!(third.stream.next().now_or_never(), None);
    drop(bodies.remove(7));
    assert_eq!(within(PATIENCE, "a thread for the next", third.stream.next()).await, Some(Event::data("runs")));

    drop((first, third, bodies));
    until(PATIENCE, "all have ended", || count() == 0).await;
}

#[tokio::test]
async fn a_blocking_body_can_use_the_runtime_it_came_from() {
    #[sse_handler(channel = 4)]
    fn asks(events: EventSender) {
        let runtime = tokio::runtime::Handle::current();
        let text = runtime.block_on(async { tokio::spawn(async { "from a task" }).await.expect("no panic") });
        events.blocking_send(text).expect("the stream is open");
    }
    let name = |events: EventSender| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        events.blocking_send(name).expect("the stream is open");
    };
    let mut stream = asks().await;
    assert_eq!(within(PATIENCE, "its event", stream.next()).await, Some(Event::data("from a task")));
    assert_eq!(within(PATIENCE, "its end", stream.next()).await, None);
    let mut stream = EventStream::<Event>::spawn_blocking(4, name);
    assert_eq!(within(PATIENCE, "its event", stream.next()).await, Some(Event::data("touka-blocking")));
}

#[tokio::test]
async fn a_blocking_body_that_panics_ends_its_stream() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let stream = EventStream::<Event>::spawn_blocking(4, |events| {
        events.blocking_send("here").expect("the stream is open");
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
