//! A job with a progress bar.
//!
//! ```text
//! cargo run --example progress                        # then open http://127.0.0.1:3000
//! cargo run --example progress -- 0.0.0.0:8080        # another address
//! curl -X POST http://127.0.0.1:3000/jobs             # {"id":1}
//! curl -N http://127.0.0.1:3000/jobs/1/progress       # the stream itself
//! ```
//!
//! A stream that ends, and a browser that stops then: an `EventSource` reconnects whenever a response ends,
//! and `end = "done"` makes it stop. [`job`] has the work, `page.html` the page.

mod job;

use std::error::Error;

use http::StatusCode;
use job::{Jobs, Update};
use serde::Serialize;
use touka::extract::{Json, LastEventId, State};
use touka::{EventStream, Router, route, routes, sse_handler};
use touka_examples::{Page, begin, page};

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// The response to a started job.
#[derive(Serialize)]
struct Started {
    id: u64,
}

/// Starts a job.
#[route(POST, "/jobs")]
async fn start(State(jobs): State<Jobs>) -> (StatusCode, Json<Started>) {
    (StatusCode::CREATED, Json(Started { id: jobs.start() }))
}

/// The status and the reason of an error response.
type Refused = (StatusCode, String);

/// The progress of a job, from the client's last update until the job is done.
///
/// With `end`, the last event that a client gets is `done`, with the id `done`. When it reconnects with that
/// id, it gets 204 and stops; this body does not even run.
///
/// A client can be cut off between the job's last update and `done`. It reconnects with the id of that
/// update: there is nothing left to send, so the body returns, and the client gets `done`.
#[sse_handler(end = "done")]
#[route(GET, "/jobs/{id}/progress")]
async fn progress(
    id: u64,
    State(jobs): State<Jobs>,
    LastEventId(last): LastEventId,
) -> Result<EventStream<Update>, Refused> {
    // Nothing has been emitted yet, so an error here is the status of the response. The client of a removed
    // job must stop for good; an error would have the same effect, but would look like a failure of the
    // server.
    let mut log = match jobs.find(id) {
        Some(log) => log,
        None if last.is_some() && jobs.has_removed(id) => return Err((StatusCode::NO_CONTENT, String::new())),
        None => return Err((StatusCode::NOT_FOUND, format!("there is no job {id}\n"))),
    };
    // An id that this job has not sent belongs to another server: that client begins anew.
    let last = last.and_then(|id| id.as_u64()).filter(|&last| last <= log.borrow().len() as u64);
    let mut seen = last.unwrap_or(0);
    loop {
        // Cloned, because the log must not stay locked while a slow client reads the events.
        let (news, is_done) = {
            let log = log.borrow_and_update();
            let news: Vec<Update> = log.iter().filter(|update| update.number > seen).cloned().collect();
            (news, log.last().is_some_and(Update::is_last))
        };
        for update in news {
            seen = update.number;
            emit!(update);
        }
        // The job's end, whether or not this client has just got its last update.
        if is_done {
            return Ok(());
        }
        // A job that is dropped before its last update has panicked: that is an `error` event, and the client
        // must not take it for a normal end.
        log.changed().await.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, String::new()))?;
    }
}

fn app(jobs: Jobs) -> Router {
    Router::new().mount(routes![index, start, progress]).with_state(jobs)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Jobs::default());
    let listener = begin("progress", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use job::{STAGES, STEP, STEPS};
    use serde_json::{Value, json};
    use tokio::time::{Instant, sleep};
    use touka::testing::TestApp;

    use super::*;

    /// An app with one job, which begins now.
    async fn one_job() -> TestApp {
        let app = TestApp::new(app(Jobs::default()));
        let response = app.post("/jobs").send().await;
        assert_eq!(response.status(), 201);
        assert_eq!(response.json::<Value>().await, json!({"id": 1}));
        app
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_sends_its_stages_its_steps_and_its_end() {
        let began = Instant::now();
        let app = one_job().await;
        let events = app.get("/jobs/1/progress").timeout(STEP * 200).events().await.rest().await;
        assert!(began.elapsed() >= STEP * 100, "the job took {:?}", began.elapsed());

        let names = |name: &str| events.iter().filter(|event| event.name == name).count();
        assert_eq!((names("stage"), names("step"), names("archive"), names("done")), (STAGES.len(), 100, 1, 1));
        assert_eq!(events[0].json::<Value>(), json!({"name": "Reading the files", "number": 1, "of": 4}));
        let steps = events.iter().filter(|event| event.name == "step");
        let bar: Vec<u64> = steps.map(|event| event.json::<Value>()["done"].as_u64().expect("a number")).collect();
        assert_eq!(bar, (1..=STEPS).collect::<Vec<_>>(), "the bar only moves forward");
        let last = &events[events.len() - 2];
        assert_eq!((last.name.as_str(), last.id.as_str()), ("archive", "105"));
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reconnects_gets_each_update_once() {
        let app = one_job().await;
        let mut events = app.get("/jobs/1/progress").timeout(STEP * 200).events().await;
        for number in 1..=10u64 {
            assert_eq!(events.next_event().await.expect("the stream goes on").id, number.to_string());
        }
        events.disconnect();
        // The job does not wait for clients.
        sleep(STEP * 30).await;
        let back = app.get("/jobs/1/progress").header("last-event-id", "10").timeout(STEP * 200);
        let rest = back.events().await.rest().await;
        let ids: Vec<String> = rest.iter().map(|event| event.id.clone()).collect();
        let expected: Vec<String> = (11..=105).map(|id| id.to_string()).chain(["done".to_owned()]).collect();
        assert_eq!(ids, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_end_a_browser_gets_204() {
        let app = one_job().await;
        let mut events = app.get("/jobs/1/progress").timeout(STEP * 200).events().await;
        let last = events.rest().await.pop().expect("an end");
        assert_eq!((last.name.as_str(), last.data.as_str(), last.id.as_str()), ("done", "", "done"));
        assert!(events.reconnect().await.is_none(), "no 204");

        // A late client finds a job that is done, and gets all of it at once.
        let now = Instant::now();
        assert_eq!(app.get("/jobs/1/progress").events().await.rest().await.len(), 106);
        assert!(now.elapsed() < STEP);
    }

    /// A browser can be cut off between the last update and `done`, and reconnects with the update's id.
    #[tokio::test(start_paused = true)]
    async fn a_client_cut_off_before_the_end_gets_the_end() {
        let app = one_job().await;
        let all = app.get("/jobs/1/progress").timeout(STEP * 200).events().await.rest().await;
        for seen in [0, 1, 104, 105] {
            let back = app.get("/jobs/1/progress").header("last-event-id", seen.to_string());
            let rest = back.events().await.rest().await;
            assert_eq!(rest, all[seen..], "after {seen}");
        }
        // An id that this job never sent, of an earlier server, means from the start.
        for strange in ["106", "18446744073709551615", "other"] {
            let back = app.get("/jobs/1/progress").header("last-event-id", strange);
            assert_eq!(back.events().await.rest().await, all, "{strange}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_of_a_removed_job_gets_204() {
        let app = one_job().await;
        for _ in 0..job::MAX_JOBS {
            app.post("/jobs").send().await;
        }
        assert_eq!(app.get("/jobs/1/progress").send().await.status(), 404);
        for seen in ["50", "105"] {
            let back = app.get("/jobs/1/progress").header("last-event-id", seen);
            assert_eq!(back.send().await.status(), 204);
        }
    }

    #[tokio::test]
    async fn an_unknown_job_is_a_404_and_no_stream() {
        let app = TestApp::new(app(Jobs::default()));
        let response = app.get("/jobs/7/progress").send().await;
        assert_eq!(response.status(), 404);
        assert_eq!(response.text().await, "there is no job 7\n");
        assert_eq!(app.get("/jobs/x/progress").send().await.status(), 400);
    }

    #[tokio::test]
    async fn the_page_listens() {
        let page = TestApp::new(app(Jobs::default())).get("/").send().await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().await.contains("new EventSource("));
    }
}
