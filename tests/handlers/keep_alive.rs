//! Keep-alive comments fill silence, and only silence.

use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use touka::testing::TestApp;
use touka::{Event, EventStream, Router, route, routes, sse_handler};

async fn frame(body: &mut Body) -> String {
    let frame = body.frame().await.expect("the stream ended").expect("the body failed");
    String::from_utf8(frame.into_data().expect("data").to_vec()).expect("text")
}

#[sse_handler]
async fn silent() {
    std::future::pending::<()>().await;
}

/// Emits at 0, 10, 20 and 30 s, and then nothing.
#[sse_handler]
async fn every_ten_seconds() {
    for _ in 0..4 {
        emit!("tick");
        sleep(Duration::from_secs(10)).await;
    }
    std::future::pending::<()>().await;
}

/// A comment follows 15 s after the last byte, varied by a tenth.
#[tokio::test(start_paused = true)]
async fn a_silent_stream_gets_a_comment_after_fifteen_seconds() {
    let mut body = silent().await.into_response().into_body();
    let mut waits = Vec::new();
    for _ in 0..100 {
        let before = Instant::now();
        assert_eq!(frame(&mut body).await, ":\n");
        waits.push(before.elapsed());
    }
    let (least, most) = (Duration::from_millis(13_500), Duration::from_millis(16_501));
    assert!(waits.iter().all(|wait| (least..=most).contains(wait)), "{waits:?}");
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 50, "all streams of a server would write in the same instant");
}

/// A busy stream gets no comments, and the interval counts from its last event.
#[tokio::test(start_paused = true)]
async fn the_interval_counts_from_the_last_event() {
    let mut body = every_ten_seconds().await.into_response().into_body();
    let start = Instant::now();
    for tick in 0..4 {
        assert_eq!(frame(&mut body).await, "data: tick\n\n");
        assert_eq!(start.elapsed().as_secs(), tick * 10);
    }
    assert_eq!(frame(&mut body).await, ":\n");
    let waited = start.elapsed().as_millis() - 30_000;
    assert!((13_500..=16_501).contains(&waited), "{waited} ms");
}

/// While a client's socket is blocked there is no silence: bytes are still in transit.
#[tokio::test(start_paused = true)]
async fn the_interval_counts_from_when_a_frame_was_written() {
    let stream: EventStream = EventStream::generate(|out| async move {
        out.emit("taken slowly").await;
        std::future::pending::<()>().await;
    });
    let mut body = stream.into_response().into_body();
    assert_eq!(frame(&mut body).await, "data: taken slowly\n\n");
    // The server polls for the next frame once this one is written.
    sleep(Duration::from_mins(1)).await;
    let taken = Instant::now();
    assert_eq!(frame(&mut body).await, ":\n");
    let waited = taken.elapsed().as_millis();
    assert!((13_500..=16_501).contains(&waited), "{waited} ms");
}

#[tokio::test(start_paused = true)]
async fn the_interval_can_be_set_and_turned_off() {
    let mut body = silent().await.keep_alive(Duration::from_secs(2)).into_response().into_body();
    let start = Instant::now();
    assert_eq!(frame(&mut body).await, ":\n");
    assert!((1_800..=2_201).contains(&start.elapsed().as_millis()));

    let mut body = silent().await.keep_alive(None).into_response().into_body();
    let nothing = tokio::time::timeout(Duration::from_hours(24), body.frame()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_can_be_a_block_of_its_own() {
    #[sse_handler(whole_blocks, keep_alive = "2s")]
    async fn silent() {
        std::future::pending::<()>().await;
    }
    let mut body = silent().await.into_response().into_body();
    assert_eq!([frame(&mut body).await, frame(&mut body).await], [":\n\n", ":\n\n"]);
}

/// Comments reach a client between events, and its parser ignores them.
#[tokio::test(start_paused = true)]
async fn comments_arrive_between_events() {
    #[route(GET, "/")]
    async fn slow() -> EventStream {
        EventStream::generate(|out| async move {
            for number in 0..3 {
                // Longer than several intervals.
                sleep(Duration::from_millis(100)).await;
                out.emit(Event::data(number.to_string())).await;
            }
        })
        .keep_alive(Duration::from_millis(10))
    }
    let mut events = TestApp::new(Router::new().mount(routes![slow])).get("/").events().await;
    let mut before = 0;
    for number in 0..3 {
        assert_eq!(events.next::<u32>().await, number);
        // Each interval is between 9 and 11 ms long, and the timer counts whole milliseconds.
        let comments = events.comments().len() - before;
        assert!((7..=11).contains(&comments), "{comments} comments before event {number}");
        before += comments;
    }
    assert_eq!(events.next_event().await, None);
}
