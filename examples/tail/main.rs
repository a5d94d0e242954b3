//! The lines of a file, as they are appended: `tail -F` in the browser.
//!
//! ```text
//! cargo run --example tail                                    # a log that it writes itself
//! cargo run --example tail -- 127.0.0.1:3000 /var/log/syslog  # a log of yours
//! curl -N http://127.0.0.1:3000/lines                         # the stream itself
//! ```
//!
//! The channel mode: a task of its own reads ahead of the client. An id is a position in the file, so a
//! client that reconnects gets each line once. [`follow`] reads the file, [`writer`] writes one, `page.html`
//! is the page.

mod follow;
mod writer;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use follow::{Follower, Found, Position};
use http::StatusCode;
use touka::extract::{LastEventId, State};
use touka::{Event, EventId, EventSender, EventStream, Router, route, routes, sse_handler};
use touka_examples::{Page, begin, page};

/// The time between two reads of a file that does not grow. Polling works on every system and file system,
/// which a notification does not.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The path of the file.
#[derive(Clone, Debug)]
struct Log(Arc<PathBuf>);

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// The file's name.
#[route(GET, "/name")]
async fn name(State(Log(path)): State<Log>) -> String {
    path.display().to_string()
}

/// The file's lines: its last ones, or those after the client's last one, and then each new one.
///
/// `channel`, because the log must be read on while a client is slow: a file that is rotated twice in the
/// meantime is gone. An `async fn`, because a client stays for hours, and a plain `fn` would hold a thread
/// for each. The task need not check for a disconnect: it is aborted then.
#[sse_handler(channel = 1024)]
#[route(GET, "/lines")]
async fn lines(
    State(Log(path)): State<Log>,
    LastEventId(last): LastEventId,
    events: EventSender,
) -> Result<EventStream, StatusCode> {
    let position = last.and_then(|id| Position::from_id(&id.to_string()));
    // Nothing has been sent yet: a missing file is a 404.
    let mut log = Follower::open(&path, position).await.map_err(|_| StatusCode::NOT_FOUND)?;
    if position.is_some_and(|position| position != log.position()) {
        // The rest of the file that the client knew is gone, and the client gets an event for that.
        let _ = events.send(event(Found::Rotated)).await;
    }
    loop {
        // A later failure is an `error` event.
        let found = log.look().await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        if found.is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        for found in found {
            if events.send(event(found)).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn event(found: Found) -> Event {
    match found {
        Found::Line(line, position) => {
            let line = Event::data(line);
            // Digits and a dash are a valid id; if that ever changes, the line is sent without one.
            match EventId::new(position.to_id()) {
                Ok(id) => line.id(id),
                Err(_) => line,
            }
        }
        Found::Truncated => Event::from_static("the file was emptied").event("truncated"),
        Found::Rotated => Event::from_static("a new file was begun").event("rotated"),
    }
}

fn app(path: PathBuf) -> Router {
    Router::new().mount(routes![index, name, lines]).with_state(Log(Arc::new(path)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Dropped at the end of `main`, which removes its files.
    let own;
    let path = if let Some(path) = std::env::args_os().nth(2) {
        PathBuf::from(path)
    } else {
        own = writer::start()?;
        own.path().to_owned()
    };
    let app = app(path);
    let listener = begin("tail", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use touka::testing::{Events, TestApp};

    use super::*;

    /// A file for one test, removed at its end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn with(text: &str) -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("touka-tail-test-{}-{number}.log", std::process::id());
            let scratch = Self(std::env::temp_dir().join(name));
            fs::write(&scratch.0, text).expect("writable");
            scratch
        }

        fn append(&self, text: &str) {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.0).expect("the file opens");
            file.write_all(text.as_bytes()).expect("writable");
        }

        fn rotated(&self) -> PathBuf {
            self.0.with_extension("log.1")
        }

        fn app(&self) -> TestApp {
            TestApp::new(app(self.0.clone()))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            for path in [&self.0, &self.rotated()] {
                let _ = fs::remove_file(path);
            }
        }
    }

    async fn next(events: &mut Events) -> String {
        let event = events.next_event().await.expect("a log never ends");
        format!("{}: {}", event.name, event.data)
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_sent_once_they_are_whole() {
        let log = Scratch::with("one\ntwo\r\n");
        let app = log.app();
        let mut events = app.get("/lines").events().await;
        assert_eq!([next(&mut events).await, next(&mut events).await], ["message: one", "message: two"]);
        log.append("thr");
        events.assert_silent(POLL_INTERVAL * 5).await;
        log.append("ee\n\nfive\n");
        assert_eq!(next(&mut events).await, "message: three");
        assert_eq!(next(&mut events).await, "message: ", "an empty line is a line");
        assert_eq!(next(&mut events).await, "message: five");
        events.disconnect();
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reconnects_gets_each_line_once() {
        let log = Scratch::with("one\ntwo\n");
        let app = log.app();
        let mut events = app.get("/lines").events().await;
        assert_eq!(next(&mut events).await, "message: one");
        let mut events = events.reconnect().await.expect("the log goes on");
        assert_eq!(next(&mut events).await, "message: two");
        log.append("three\n");
        let mut events = events.reconnect().await.expect("the log goes on");
        assert_eq!(next(&mut events).await, "message: three");
    }

    #[tokio::test(start_paused = true)]
    async fn a_truncated_file_is_read_from_its_start() {
        let log = Scratch::with("one\ntwo\n");
        let mut events = log.app().get("/lines").events().await;
        assert_eq!([next(&mut events).await, next(&mut events).await], ["message: one", "message: two"]);
        fs::write(&log.0, "new\n").expect("writable");
        assert_eq!(next(&mut events).await, "truncated: the file was emptied");
        assert_eq!(next(&mut events).await, "message: new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rotated_file_is_read_to_its_end_first() {
        let log = Scratch::with("one\n");
        let mut events = log.app().get("/lines").events().await;
        assert_eq!(next(&mut events).await, "message: one");
        // Both between two reads: the last lines of the old file must not be lost.
        log.append("last\nwords");
        fs::rename(&log.0, log.rotated()).expect("renamed");
        assert_eq!(next(&mut events).await, "message: last");
        events.assert_silent(POLL_INTERVAL * 5).await;
        log.append("first\n");
        assert_eq!(next(&mut events).await, "message: words");
        assert_eq!(next(&mut events).await, "rotated: a new file was begun");
        assert_eq!(next(&mut events).await, "message: first");

        // A client that was away in the meantime gets the new file from its start.
        fs::rename(&log.0, log.rotated()).expect("renamed");
        log.append("newer\n");
        let mut events = events.reconnect().await.expect("the log goes on");
        assert_eq!(next(&mut events).await, "rotated: a new file was begun");
        assert_eq!(next(&mut events).await, "message: newer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_visit_to_a_long_file_gets_its_last_whole_lines() {
        let text = (0..1_000).fold(String::new(), |text, number| text + &format!("line {number}\n"));
        let log = Scratch::with(&text);
        let mut events = log.app().get("/lines").events().await;
        let first = next(&mut events).await;
        let number: u32 = first.strip_prefix("message: line ").and_then(|n| n.parse().ok()).expect("a whole line");
        assert!((500..990).contains(&number), "{first}");
    }

    #[tokio::test]
    async fn a_missing_file_is_a_404() {
        let app = TestApp::new(app(Path::new("/no/such/file").to_owned()));
        assert_eq!(app.get("/lines").send().await.status(), 404);
        assert_eq!(app.get("/name").send().await.text().await, "/no/such/file");
    }
}
