//! Why a stream ended: reported once, and with the right last bytes.

use std::time::{Duration, SystemTime};

use touka::CloseReason;

use crate::form::{FLOOD, Form, Leave};
use crate::reader::End;
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run;
    code_ends,
    code_panics,
    the_client_leaves,
    the_client_does_not_read,
    a_lifetime,
    a_lifetime_of_the_server,
    a_close_time,
    a_handle_closes_it,
    a_shutdown,
);

/// Short enough to wait for. If a stream ends before it opens, its bytes are the same.
const SOON: Duration = Duration::from_millis(100);

async fn code_ends(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open_one_that_ends().await;
    scene.end();
    reader.ends().await;
    assert_eq!(scene.ended().await, CloseReason::Completed);
    scene.has_no_more_ends(reader).await;
}

/// The client gets an error event without the panic's message.
async fn code_panics(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open_one_that_panics().await;
    let wire = scene.emit("before").await;
    reader.expects(&wire).await;
    scene.panic();
    reader.expects("event: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\"}\n\n").await;
    reader.ends().await;
    assert_eq!(scene.ended().await, CloseReason::Panicked);
    scene.has_no_more_ends(reader).await;
}

async fn the_client_leaves(form: Form) {
    let mut scene = Scene::new(form).await;
    scene.open().await.leave(Leave::Close).await;
    assert_eq!(scene.ended().await, CloseReason::Disconnected);
    let other = scene.open_one_that_ends().await;
    scene.end();
    assert_eq!(scene.ended().await, CloseReason::Completed);
    scene.has_no_more_ends(other).await;
}

async fn the_client_does_not_read(form: Form) {
    let mut scene = Scene::with(form, |server| server, |stream| stream.write_timeout(SOON * 3)).await;
    let mut reader = scene.open().await;
    let text = "x".repeat(FLOOD / 8);
    let mut emitted = 0;
    for _ in 0..8 {
        emitted += scene.emit(text.as_str()).await.len();
    }
    assert_eq!(scene.ended().await, CloseReason::Stalled);
    scene.is_empty().await;
    // Bytes that the kernel has buffered can be read. Then the stream is cut off.
    let (rest, end) = reader.rest().await;
    assert!(rest.len() < emitted, "no bytes are missing");
    if form.shows_a_cut() {
        assert_eq!(end, End::Cut);
    }
    scene.has_no_more_ends(reader).await;
}

async fn a_lifetime(form: Form) {
    let mut scene = Scene::with(form, |server| server, |stream| stream.max_lifetime(SOON)).await;
    let mut reader = scene.open_for_a_moment().await;
    reader.ends().await;
    assert_eq!(scene.ended().await, CloseReason::Expired);
    scene.has_no_more_ends(reader).await;
}

async fn a_lifetime_of_the_server(form: Form) {
    let mut scene = Scene::with(form, |server| server.max_lifetime(SOON), |stream| stream).await;
    let mut reader = scene.open_for_a_moment().await;
    reader.ends().await;
    assert_eq!(scene.ended().await, CloseReason::Expired);
    scene.has_no_more_ends(reader).await;
}

/// The stream sends the `expired` event, and no event follows.
async fn a_close_time(form: Form) {
    let moment = SystemTime::now() + SOON * 3;
    let mut scene = Scene::with(form, |server| server, move |stream| stream.close_at(moment)).await;
    let mut reader = scene.open_for_a_moment().await;
    reader.expects("event: expired\ndata: \n\n").await;
    assert!(SystemTime::now() >= moment, "the stream ended too early");
    reader.ends().await;
    assert_eq!(scene.ended().await, CloseReason::Expired);
    scene.has_no_more_ends(reader).await;
}

/// The other streams go on.
async fn a_handle_closes_it(form: Form) {
    let mut scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    let mut other = scene.open().await;
    let wire = scene.emit("before").await;
    reader.expects(&wire).await;
    other.expects(&wire).await;
    scene.handle.streams().first().expect("two are open").close();
    reader.farewell().await;
    assert_eq!(scene.ended().await, CloseReason::Shutdown);
    let wire = scene.emit("after").await;
    other.expects(&wire).await;
    other.leave(Leave::Close).await;
    assert_eq!(scene.ended().await, CloseReason::Disconnected);
    scene.has_no_more_ends(reader).await;
}

async fn a_shutdown(form: Form) {
    let mut scene = Scene::with(form, |server| server.drain_window(Duration::ZERO), |stream| stream).await;
    let mut reader = scene.open().await;
    scene.stop();
    reader.farewell().await;
    assert_eq!(scene.ended().await, CloseReason::Shutdown);
    scene.has_no_more_ends(reader).await;
}
