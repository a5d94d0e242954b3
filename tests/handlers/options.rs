//! Options of a stream, as they appear on the wire.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::StatusCode;
use http_body_util::BodyExt;
use support::{Client, Count, Running, until};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use touka::extract::LastEventId;
use touka::testing::TestApp;
use touka::{CloseReason, Event, EventStream, Router, route, routes, sse_handler};

async fn text(stream: EventStream) -> String {
    let body = stream.into_response().into_body().collect().await.expect("no error").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

fn numbers(count: u32) -> EventStream {
    EventStream::generate(move |out| async move {
        for number in 0..count {
            out.emit(number.to_string()).await;
        }
    })
}

fn endless() -> EventStream {
    EventStream::generate(|out| async move {
        loop {
            out.emit("tick").await;
            sleep(Duration::from_secs(1)).await;
        }
    })
}

async fn frame(body: &mut Body) -> Option<String> {
    let data = body.frame().await?.expect("no error").into_data().expect("data");
    Some(String::from_utf8(data.to_vec()).expect("text"))
}

#[tokio::test]
async fn retry_comes_first_and_varies() {
    let mut retries = Vec::new();
    for _ in 0..50 {
        let text = text(numbers(1).retry(Duration::from_secs(10))).await;
        let (retry, rest) = text.split_once('\n').expect("a line");
        assert_eq!(rest, "data: 0\n\n", "the line opens the block of the first event");
        let retry: u64 = retry.strip_prefix("retry: ").expect("a retry").parse().expect("digits");
        assert!((8_000..=12_000).contains(&retry), "{retry}");
        retries.push(retry);
    }
    retries.sort_unstable();
    retries.dedup();
    assert!(retries.len() > 20, "all clients would reconnect at once: {retries:?}");
}

#[tokio::test]
async fn retry_comes_before_the_first_event_exists() {
    let stream: EventStream = EventStream::generate(|_| std::future::pending());
    let mut body = stream.retry(Duration::from_secs(1)).into_response().into_body();
    let retries = frame(&mut body).await.expect("a frame");
    assert!(retries.starts_with("retry: ") && retries.ends_with('\n'), "{retries:?}");
    assert_eq!(retries.lines().count(), 1, "{retries:?}");
}

/// Emits every line that is not part of an event.
fn lines() -> EventStream {
    EventStream::generate(|out| async move {
        out.emit(Event::new().comment("hello")).await;
        out.emit(Event::data("one").id(1)).await;
        out.emit(Event::new().retry(Duration::from_secs(2)).comment("two\nlines")).await;
        sleep(Duration::from_millis(1_500)).await;
        out.emit(Event::new().id(2)).await;
        out.emit(Event::new().event("name")).await;
        out.emit(Event::new()).await;
        out.emit("last").await;
        out.emit(Event::new().comment("bye")).await;
    })
    .keep_alive(Duration::from_secs(1))
}

#[tokio::test(start_paused = true)]
async fn lines_outside_events_have_no_blank_line() {
    assert_eq!(
        text(lines()).await,
        ": hello\nid: 1\ndata: one\n\n: two\n: lines\nretry: 2000\n:\nid: 2\n\nevent: name\n\ndata: last\n\n: bye\n"
    );
}

#[tokio::test(start_paused = true)]
async fn whole_blocks_add_a_blank_line_to_lines_outside_events() {
    let text = text(lines().retry(Duration::from_secs(3)).whole_blocks()).await;
    let (retry, rest) = text.split_once("\n\n").expect("a block");
    assert!(retry.starts_with("retry: ") && !retry.contains('\n'), "{text}");
    assert_eq!(
        rest,
        ": hello\n\nid: 1\ndata: one\n\n: two\n: lines\nretry: 2000\n\n:\n\nid: 2\n\nevent: name\n\n\
         data: last\n\n: bye\n\n"
    );
}

#[tokio::test]
async fn the_end_is_marked_if_the_body_ends_the_stream() {
    assert_eq!(text(numbers(1).end("done")).await, "data: 0\n\nid: done\nevent: done\ndata: \n\n");
    assert_eq!(text(numbers(0).end(7)).await, "id: 7\nevent: 7\ndata: \n\n");
    let failed = EventStream::try_generate(|out| async move {
        out.emit("one").await;
        Err(StatusCode::CONFLICT)
    });
    let text = text(failed.await.expect("open").end("done")).await;
    assert!(!text.contains("done") && text.contains("event: error"), "{text}");
}

/// The loop from the documentation: the body resumes after the client's last event.
#[sse_handler(end = "done")]
#[route(GET, "/report")]
async fn report(from: LastEventId) -> Result<EventStream, StatusCode> {
    for number in from.next_number()..=3 {
        emit!(Event::data(format!("line {number}")).id(number));
    }
}

/// The last event carries the id of the end.
#[sse_handler(end = "done")]
#[route(GET, "/sealed")]
async fn sealed(from: LastEventId) {
    for number in from.next_number()..=2 {
        emit!(Event::data(format!("line {number}")).id(number));
    }
    emit!(Event::data("line 3").id("done"));
}

#[tokio::test(start_paused = true)]
async fn a_client_cut_off_anywhere_gets_the_rest_and_the_end() {
    let app = TestApp::new(Router::new().mount(routes![report, sealed]));
    for path in ["/report", "/sealed"] {
        let all = app.get(path).events().await.rest().await;
        assert_eq!(
            all.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(),
            ["message", "message", "message", "done"]
        );
        for cut in 0..=all.len() {
            let mut events = app.get(path).events().await;
            for expected in &all[..cut] {
                assert_eq!(events.next_event().await.as_ref(), Some(expected));
            }
            let id = events.last_event_id();
            match events.reconnect().await {
                Some(mut events) => assert_eq!(events.rest().await, all[cut..], "{path} cut after {cut}"),
                // The client has all events.
                None => assert_eq!(id, "done", "{path} cut after {cut}"),
            }
        }
    }
    // Ids that were never sent.
    for strange in ["4", "18446744073709551615"] {
        let events = app.get("/report").header("last-event-id", strange).events().await.rest().await;
        assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["done"]);
    }
}

#[tokio::test(start_paused = true)]
async fn lifetimes_end_streams_cleanly_and_at_different_times() {
    let mut ends = Vec::new();
    for _ in 0..50 {
        let reason = Arc::new(Mutex::new(None));
        let told = Arc::clone(&reason);
        let stream = endless().end("done").max_lifetime(Duration::from_hours(1));
        let stream = stream.on_close(move |reason| *told.lock().unwrap() = Some(reason));
        let start = Instant::now();
        let mut body = stream.into_response().into_body();
        let mut last = String::new();
        while let Some(frame) = frame(&mut body).await {
            last = frame;
        }
        assert_eq!(last, "data: tick\n\n", "an end that is not the body's own is not marked as one");
        let lived = start.elapsed().as_secs();
        assert!((3_239..=3_961).contains(&lived), "{lived}");
        ends.push(lived);
        drop(body);
        assert_eq!(*reason.lock().unwrap(), Some(CloseReason::Expired));
    }
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 20, "{ends:?}");
}

#[tokio::test]
async fn on_error_makes_the_last_event() {
    struct Refused(&'static str);
    impl IntoResponse for Refused {
        fn into_response(self) -> axum_core::response::Response {
            StatusCode::FORBIDDEN.into_response()
        }
    }
    let opening = EventStream::try_generate(|out| async move {
        out.emit("one").await;
        Err(Refused("too late"))
    });
    let opening = opening.on_error(|Refused(why)| Event::data(why).event("refused"));
    let Ok(stream) = opening.await else { panic!("the stream opens") };
    assert_eq!(text(stream).await, "data: one\n\nevent: refused\ndata: too late\n\n");

    // A panic does not reach `on_error`.
    let opening = EventStream::try_generate(|out| async move {
        out.emit("one").await;
        let nothing: Result<(), Refused> = Ok(());
        assert!(nothing.is_err(), "this body panics on purpose");
        nothing
    });
    let Ok(stream) = opening.on_error(|Refused(why)| Event::data(why)).await else { panic!("the stream opens") };
    assert!(
        text(stream).await.ends_with("event: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n")
    );
}

/// Every way to end a stream that a body or a client can cause, as seen by `on_close`.
#[tokio::test(start_paused = true)]
async fn on_close_is_called_once_with_the_reason() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let app = {
        let make = move |stream: EventStream| {
            let tell = tell.clone();
            stream.on_close(move |reason| tell.send(reason).expect("the test waits"))
        };
        let [completed, failed, panicked, endless_] = [make.clone(), make.clone(), make.clone(), make];
        axum::Router::new()
            .route("/completed", axum::routing::get(async move || completed(numbers(1))))
            .route(
                "/failed",
                axum::routing::get(async move || {
                    let opening = EventStream::try_generate(|out| async move {
                        out.emit("one").await;
                        Err(StatusCode::CONFLICT)
                    });
                    opening.await.map(failed)
                }),
            )
            .route(
                "/panicked",
                axum::routing::get(async move || {
                    panicked(EventStream::generate(|out| async move {
                        out.emit("one").await;
                        panic!("this body panics on purpose");
                    }))
                }),
            )
            .route("/endless", axum::routing::get(async move || endless_(endless())))
    };
    let app = TestApp::new(app);
    for (path, reason) in
        [("/completed", CloseReason::Completed), ("/failed", CloseReason::Failed), ("/panicked", CloseReason::Panicked)]
    {
        app.get(path).events().await.rest().await;
        assert_eq!(told.recv().await, Some(reason), "{path}");
    }
    let mut events = app.get("/endless").events().await;
    events.next_event().await.expect("an event");
    events.disconnect();
    assert_eq!(told.recv().await, Some(CloseReason::Disconnected));
    let mut events = app.get("/endless").events().await;
    events.next_event().await.expect("an event");
    app.shutdown();
    assert_eq!(told.recv().await, Some(CloseReason::Shutdown));
    drop(events);
    app.assert_nothing_left().await;
    assert!(told.try_recv().is_err(), "reported twice");
}

#[tokio::test]
async fn a_panicking_on_close_affects_no_other_stream() {
    drop(numbers(1).on_close(|_| panic!("this panics on purpose")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut_off() {
    static REASON: Mutex<Option<CloseReason>> = Mutex::new(None);
    #[route(GET, "/flood")]
    async fn flood(touka::extract::State(held): touka::extract::State<Count>) -> EventStream {
        let held = held.hold();
        EventStream::generate(|out| async move {
            let _held = held;
            let text = "x".repeat(1024);
            loop {
                out.emit(text.as_str()).await;
            }
        })
        .write_timeout(Duration::from_millis(300))
        .on_close(|reason| *REASON.lock().unwrap() = Some(reason))
    }
    let held = Count::default();
    let server = Running::serve(Router::new().mount(routes![flood]).with_state(held.clone())).await;
    let mut client = Client::connect_small(server.address, 16 * 1024).await;
    client.send("GET /flood HTTP/1.1\r\nhost: t\r\n\r\n").await;
    until(Duration::from_mins(1), "the stream runs", || held.get() == 1).await;
    until(Duration::from_mins(1), "the stream is given up", || held.get() == 0).await;
    until(Duration::from_mins(1), "the reason is reported", || REASON.lock().unwrap().is_some()).await;
    assert_eq!(*REASON.lock().unwrap(), Some(CloseReason::Stalled));
}
