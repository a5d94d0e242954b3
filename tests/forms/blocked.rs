//! A client that reads again sees what happened to its stream while it was blocked. The stream's task or
//! shard was woken then and could write nothing, and no second wake follows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use touka::{CloseReason, EventStream};

use crate::form::{FLOOD, Form};
use crate::reader::{End, Reader, assert_farewell};
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run;
    handle_closes,
    credential_ends,
    lifetime_ends,
    server_shuts_down,
    keep_alives_stay_between_events,
    an_event_is_emitted,
    code_ends,
    code_panics,
);

/// A stream that was given nothing for this long is blocked. On a slow machine it may not be blocked yet,
/// which is no failure.
const STILL: Duration = Duration::from_millis(150);

/// The length of events: so short that a body emits several tens of them before its client is blocked. Then
/// its events may share frames, and it waits for the next one while a frame is being written.
const LENGTH: usize = 1500;

/// Blocks the only stream: emits events one by one, each after the one before was written to the connection,
/// until one is not. Returns the bytes of all.
async fn block(scene: &Scene) -> String {
    let text = "x".repeat(LENGTH);
    let given = || scene.handle.streams().first().and_then(touka::server::OpenStream::events);
    let (mut all, mut made) = (String::new(), 0);
    loop {
        all += &scene.emit(format!("{made} {text}")).await;
        made += 1;
        let began = Instant::now();
        while given() != Some(made) && began.elapsed() < STILL {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if given() != Some(made) {
            return all;
        }
        assert!(all.len() < FLOOD, "the client is never blocked");
    }
}

async fn an_event_is_emitted(form: Form) {
    let scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let all = block(&scene).await;
    reader.expects(&all).await;
    let wire = scene.emit("after").await;
    reader.expects(&wire).await;
}

async fn code_ends(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open_one_that_ends().await;
    let all = block(&scene).await;
    scene.end();
    reader.expects(&all).await;
    reader.ends().await;
    assert_eq!(scene.ended().await, CloseReason::Completed);
}

/// For a subscription, the code that panics is not its body but runs beside it, and ends it before later
/// events.
async fn code_panics(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open_one_that_panics().await;
    let all = block(&scene).await;
    scene.panic();
    let last = ends_within(&mut reader, &all).await;
    assert_eq!(last, "event: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n");
    assert_eq!(scene.ended().await, CloseReason::Panicked);
}

async fn handle_closes(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let all = block(&scene).await;
    assert_eq!(scene.handle.close(|_| true), 1);
    assert_farewell(&ends_within(&mut reader, &all).await);
    assert_eq!(scene.ended().await, CloseReason::Shutdown);
}

async fn credential_ends(form: Form) {
    let revoked = Arc::new(Notify::new());
    let waits = Arc::clone(&revoked);
    let tune = move |stream: EventStream| {
        let waits = Arc::clone(&waits);
        stream.close_when(async move { waits.notified().await })
    };
    let mut scene = Scene::with(form, |server| server, tune).await;
    let mut reader = scene.open().await;
    let all = block(&scene).await;
    revoked.notify_one();
    assert_eq!(ends_within(&mut reader, &all).await, "event: expired\ndata: \n\n");
    assert_eq!(scene.ended().await, CloseReason::Expired);
}

async fn lifetime_ends(form: Form) {
    // The lifetime may end before the client is blocked: then there is less to read.
    let mut scene = Scene::with(form, |server| server, |stream| stream.max_lifetime(STILL)).await;
    let mut reader = scene.open_for_a_moment().await;
    let all = block(&scene).await;
    assert_eq!(ends_within(&mut reader, &all).await, "");
    assert_eq!(scene.ended().await, CloseReason::Expired);
}

async fn server_shuts_down(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let all = block(&scene).await;
    scene.stop();
    assert_farewell(&ends_within(&mut reader, &all).await);
    assert_eq!(scene.ended().await, CloseReason::Shutdown);
    scene.stopped().await;
}

/// The client is blocked for several intervals, in the middle of an event.
async fn keep_alives_stay_between_events(form: Form) {
    let tune = |stream: EventStream| stream.keep_alive(STILL / 3);
    let scene = Scene::with(form, |server| server, tune).await;
    let mut reader = scene.open().await;
    let all = block(&scene).await;
    for event in all.split_inclusive("\n\n") {
        reader.expects_after_comments(event).await;
    }
    reader.expects(":\n:\n").await;
    let wire = scene.emit("after").await;
    reader.expects_after_comments(&wire).await;
}

/// Reads a stream to its clean end: whole events, the first of all that were emitted, and the text after
/// them.
async fn ends_within(reader: &mut Reader, all: &str) -> String {
    let (rest, end) = reader.rest().await;
    assert_eq!(end, End::Clean);
    let rest = String::from_utf8(rest).expect("text");
    let same = rest.bytes().zip(all.bytes()).take_while(|(read, made)| read == made).count();
    let whole = rest[..same].rfind("\n\n").map_or(0, |end| end + 2);
    rest[whole..].to_owned()
}
