//! Log entries of a stream: a span around all of them, its opening and its end.

use support::{Log, until};
use touka::EventStream;

use crate::app::ROUTE;
use crate::form::{Form, Leave};
use crate::reader::Reader;
use crate::run::run_here;
use crate::scene::{PATIENCE, Scene};

in_each_form!(run_here; a_stream_opens_and_ends, a_disconnect_is_logged_at_debug_only, a_panic_is_an_error);

async fn logged(form: Form) -> Scene {
    Log::start();
    // The process may open this many files, so no warning about the limit is logged.
    Scene::with(form, |server| server.max_connections(100), |stream: EventStream| stream).await
}

/// The span of a client's stream. A Unix socket has no address.
fn span(reader: &Reader) -> String {
    let peer = reader.address().map(|peer| format!(" peer={peer}"));
    format!("[stream route=\"{ROUTE}\"{}]", peer.unwrap_or_default())
}

/// The log lines of streams once one has ended: `on_close` comes last.
async fn lines() -> Vec<String> {
    let ended = || Log::lines().iter().any(|line| line.contains("on_close"));
    until(PATIENCE, "the end", ended).await;
    Log::lines().into_iter().filter(|line| line.contains("[stream")).collect()
}

/// Lines above `DEBUG`.
fn above_debug() -> Vec<String> {
    Log::lines().into_iter().filter(|line| !line.starts_with("DEBUG") && !line.starts_with("TRACE")).collect()
}

/// The line of the end, without the stream's duration.
fn closed(line: &str) -> &str {
    line.split_once(" duration=").map_or(line, |(line, _)| line)
}

async fn a_stream_opens_and_ends(form: Form) {
    let scene = logged(form).await;
    let mut reader = scene.open_one_that_ends().await;
    let wire = scene.emit("one").await;
    reader.expects(&wire).await;
    scene.end();
    reader.ends().await;
    let (span, lines, bytes) = (span(&reader), lines().await, reader.read);
    let lines: Vec<_> = lines.iter().map(|line| closed(line)).collect();
    let expected = [
        format!("DEBUG {span} message=stream opened route=\"{ROUTE}\""),
        format!("DEBUG {span} message=stream closed reason=Completed route=\"{ROUTE}\" events=1 bytes={bytes}"),
        format!("INFO {span} message=on_close"),
    ];
    assert_eq!(lines, expected);
    // The stream was served in this form.
    let all = Log::lines();
    let reasons: Vec<_> = all.iter().filter(|line| line.contains("a stream does not leave hyper")).collect();
    assert_eq!(reasons.len(), usize::from(form.reason_to_stay_in_hyper().is_some()), "{reasons:?}");
    assert!(
        reasons.iter().all(|line| form.reason_to_stay_in_hyper().is_some_and(|why| line.contains(why))),
        "{reasons:?}"
    );
}

async fn a_disconnect_is_logged_at_debug_only(form: Form) {
    let scene = logged(form).await;
    let reader = scene.open().await;
    let (span, bytes) = (span(&reader), reader.read);
    reader.leave(Leave::Close).await;
    let lines = lines().await;
    let ends =
        format!("DEBUG {span} message=stream closed reason=Disconnected route=\"{ROUTE}\" events=0 bytes={bytes}");
    assert_eq!(lines.iter().filter(|line| closed(line) == ends).count(), 1, "{lines:?}");
    scene.is_empty().await;
    assert_eq!(above_debug(), [format!("INFO {span} message=on_close")]);
}

async fn a_panic_is_an_error(form: Form) {
    let scene = logged(form).await;
    let mut reader = scene.open_one_that_panics().await;
    scene.panic();
    reader.expects("event: error\n").await;
    reader.rest().await;
    let (span, lines) = (span(&reader), lines().await);
    let errors: Vec<_> = lines.iter().filter(|line| line.starts_with("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with(&format!("ERROR {span} ")) && errors[0].contains("panics on purpose"), "{errors:?}");
    let ends = format!("DEBUG {span} message=stream closed reason=Panicked ");
    assert_eq!(lines.iter().filter(|line| line.starts_with(&ends)).count(), 1, "{lines:?}");
    assert_eq!(above_debug().len(), 2, "{:?}", above_debug());
}
