//! The end of a body, on a paused clock.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum_core::body::Body;
use http_body_util::BodyExt;
use support::Count;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use touka::{CloseReason, Event, EventStream};

use crate::scene::EXPIRED;

const TICK: &str = "data: tick\n\n";

/// Emits an event at once and one each second.
fn ticks(held: &Count) -> EventStream {
    let held = held.hold();
    EventStream::generate(|out| async move {
        let _held = held;
        loop {
            out.emit("tick").await;
            sleep(Duration::from_secs(1)).await;
        }
    })
    .keep_alive(None)
}

async fn frame(body: &mut Body) -> Option<String> {
    let data = body.frame().await?.expect("no error").into_data().expect("data");
    Some(String::from_utf8(data.to_vec()).expect("text"))
}

async fn text(stream: EventStream) -> String {
    let mut body = stream.into_response().into_body();
    let mut text = String::new();
    while let Some(frame) = frame(&mut body).await {
        text += &frame;
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_exactly_on_time_by_every_clock() {
    let hour = Duration::from_hours(1);
    for clock in 0..3 {
        let (held, reason) = (Count::default(), Arc::new(Mutex::new(None)));
        let (start, told) = (Instant::now(), Arc::clone(&reason));
        let stream = ticks(&held).end("done").on_close(move |reason| *told.lock().unwrap() = Some(reason));
        let stream = match clock {
            0 => stream.close_at(start + hour),
            1 => stream.close_at((start + hour).into_std()),
            _ => stream.close_at(Some(SystemTime::now() + hour)),
        };
        let mut body = stream.into_response().into_body();
        let mut last = String::new();
        while let Some(frame) = frame(&mut body).await {
            // The body is dropped with its last event, not only with the response.
            assert_eq!(held.get(), usize::from(frame != EXPIRED));
            last = frame;
        }
        assert_eq!(last, EXPIRED);
        // The system clock advances between two reads of it.
        let late = start.elapsed().abs_diff(hour);
        assert!(late <= Duration::from_millis(if clock == 2 { 1000 } else { 1 }), "{late:?}");
        drop(body);
        assert_eq!(*reason.lock().unwrap(), Some(CloseReason::Expired));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_end_is_in_the_past_does_not_run() {
    let held = Count::default();
    for moment in [UNIX_EPOCH, SystemTime::now()] {
        assert_eq!(text(ticks(&held).close_at(moment)).await, EXPIRED);
    }
    assert_eq!(text(ticks(&held).close_at(Instant::now())).await, EXPIRED);
    // Events that were emitted while the head was delayed are not sent either.
    let opening = EventStream::try_generate(|out| async move {
        out.emit("early").await;
        Ok::<(), std::convert::Infallible>(())
    });
    let Ok(stream) = opening.await;
    assert_eq!(text(stream.close_at(UNIX_EPOCH)).await, EXPIRED);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_several_ends_counts() {
    let held = Count::default();
    let start = Instant::now();
    let after = |seconds| Instant::now() + Duration::from_secs(seconds);
    assert_eq!(
        text(ticks(&held).close_at(after(9)).close_at(after(2)).close_at(after(5))).await.matches(TICK).count(),
        2
    );
    assert_eq!(start.elapsed().as_secs(), 2);
    let stream = ticks(&held).close_at(after(9)).close_when(sleep(Duration::from_secs(3))).close_when(pending());
    text(stream).await;
    assert_eq!(start.elapsed().as_secs(), 5);
    // The end of the longest lifetime emits no event.
    let stream = ticks(&held).close_at(after(60)).max_lifetime(Duration::from_secs(10));
    assert!(text(stream).await.ends_with(TICK));
}

#[tokio::test(start_paused = true)]
async fn the_last_event_can_be_any_or_none() {
    let held = Count::default();
    let expired = |event: Event| text(ticks(&held).close_at(UNIX_EPOCH).expired_event(event));
    assert_eq!(expired(Event::data("bye").id(7)).await, "id: 7\ndata: bye\n\n");
    assert_eq!(expired(Event::new().retry(Duration::from_mins(1))).await, "retry: 60000\n");
    assert_eq!(expired(Event::new()).await, "");
    let stream = ticks(&held).whole_blocks().expired_event(Event::new().comment("bye")).close_at(UNIX_EPOCH);
    assert_eq!(text(stream).await, ": bye\n\n");
}

/// Both are ready in the same poll: no event is sent after the end, and every event is whole.
#[tokio::test(start_paused = true)]
async fn an_event_and_the_end_are_ready_together() {
    for _ in 0..20 {
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel::<()>();
        let stream: EventStream = EventStream::generate(|out| async move {
            out.emit("first").await;
            drop(told.await);
            out.emit("second").await;
            pending::<()>().await;
        });
        let mut body = stream.close_when(async move { drop(gone.await) }).into_response().into_body();
        assert_eq!(frame(&mut body).await.as_deref(), Some("data: first\n\n"));
        drop((tell, go));
        assert_eq!(frame(&mut body).await.as_deref(), Some(EXPIRED));
        assert_eq!(frame(&mut body).await, None);
    }
}

/// A body that is always ready is ended as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_waits_is_ended() {
    let stream: EventStream = EventStream::generate(|out| async move {
        loop {
            out.emit("tick").await;
        }
    });
    let text = text(stream.close_at(Instant::now() + Duration::from_millis(50))).await;
    assert_eq!(text.strip_suffix(EXPIRED).expect("the last event").replace(TICK, ""), "");
}

#[tokio::test(start_paused = true)]
async fn a_future_is_polled_when_it_wakes_and_not_at_each_event() {
    let (held, polls) = (Count::default(), Arc::new(AtomicU32::new(0)));
    let (count, end) = (Arc::clone(&polls), sleep(Duration::from_secs(100)));
    let stream = ticks(&held).close_when(async move {
        let mut end = pin!(end);
        poll_fn(|cx| {
            count.fetch_add(1, Ordering::Relaxed);
            end.as_mut().poll(cx)
        })
        .await;
    });
    assert!(text(stream).await.matches(TICK).count() >= 100);
    assert!(polls.load(Ordering::Relaxed) <= 3, "{polls:?}");
}

/// Checks start at different times, run one at a time, and do not delay events.
#[tokio::test(start_paused = true)]
async fn checks_are_spread_and_do_not_delay_events() {
    let mut firsts = Vec::new();
    for _ in 0..30 {
        let (held, asks) = (Count::default(), Arc::new(Mutex::new(Vec::new())));
        let (start, log, asking) = (Instant::now(), Arc::clone(&asks), Arc::new(AtomicU32::new(0)));
        let stream = ticks(&held).recheck(Duration::from_mins(1), move || {
            log.lock().unwrap().push(start.elapsed().as_millis());
            let (number, asking) = (log.lock().unwrap().len(), Arc::clone(&asking));
            async move {
                assert_eq!(asking.fetch_add(1, Ordering::Relaxed), 0, "two checks at once");
                sleep(Duration::from_secs(10)).await;
                asking.fetch_sub(1, Ordering::Relaxed);
                number < 3
            }
        });
        let text = text(stream).await;
        let asks = asks.lock().unwrap().clone();
        assert_eq!(asks.len(), 3);
        // A pause before each check, and an answer that takes ten seconds.
        for (number, before) in [0, asks[0] + 10_000, asks[1] + 10_000].into_iter().enumerate() {
            let pause = asks[number] - before;
            assert!((53_990..=66_010).contains(&pause), "{asks:?}");
        }
        // A tick each second in the meantime.
        let lived = start.elapsed().as_secs();
        assert!(text.ends_with(EXPIRED) && text.matches(TICK).count() as u64 >= lived, "{lived} s: {text}");
        firsts.push(asks[0]);
    }
    firsts.sort_unstable();
    firsts.dedup();
    assert!(firsts.len() > 10, "all streams would check at once: {firsts:?}");
}

#[tokio::test(start_paused = true)]
async fn no_interval_is_too_short_or_too_long() {
    let held = Count::default();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let stream = ticks(&held).close_at(Instant::now() + Duration::from_secs(1)).recheck(Duration::MAX, async || false);
    let stream = stream.recheck(Duration::ZERO, move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(true)
    });
    assert_eq!(text(stream).await, format!("{TICK}{EXPIRED}"));
    assert!((400..=1100).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
}

/// The futures that end a stream are dropped with it, whatever ends it.
#[tokio::test(start_paused = true)]
async fn futures_are_dropped_with_the_stream() {
    let held = Count::default();
    let with_futures = || {
        let [one, two] = [held.hold(), held.hold()];
        let stream: EventStream = EventStream::generate(|out| async move {
            out.emit("one").await;
        });
        stream.close_when(async move { drop((pending::<()>().await, one)) }).recheck(
            Duration::from_secs(1),
            move || {
                let _two = &two;
                pending()
            },
        )
    };
    drop(with_futures());
    assert_eq!(held.get(), 0);
    let mut body = with_futures().into_response().into_body();
    assert_eq!(frame(&mut body).await.as_deref(), Some("data: one\n\n"));
    assert_eq!(frame(&mut body).await, None);
    assert_eq!(held.get(), 0, "the body has ended");
}
