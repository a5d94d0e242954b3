//! An assistant whose answers outlive their clients: they survive a reload, a lost network and the death of the server.
//!
//! ```text
//! cargo run --example assistant                       # then open http://127.0.0.1:3000, in two tabs
//! cargo run --example assistant -- 127.0.0.1:3000 500 # a slower model: milliseconds for a token
//! cargo run --example assistant -- 127.0.0.1:3000 500 assistant.touka     # answers in a file, for `kill -9`
//! curl -c jar -o /dev/null http://127.0.0.1:3000/     # a session
//! curl -b jar http://127.0.0.1:3000/turns/t1 -H 'content-type: application/json' -d '{"question": "Why?"}'
//! curl -b jar -N http://127.0.0.1:3000/turns/t1       # the answer, from its beginning
//! curl -b jar -X POST http://127.0.0.1:3000/turns/t1/stop
//! ```
//!
//! A turn is a question and the run that answers it. The page posts a question under an id that it has chosen, so it can
//! post it again if the network fails, and follows the answer with an `EventSource`. After a reload it asks for the list
//! of turns and follows each one from its beginning. The last event says how the turn has ended; after that the browser
//! reconnects once, gets 204, and stops.
//!
//! When the server is killed, the browser reconnects until there is another one. On the same file, that one knows the
//! answer as far as it had come, and ends it as `lost`. [`session`] says whose turns these are, [`turn`] what they are,
//! [`model`] makes the words, and `page.html` is the page.

// The model of the example ai-sdk.
#[path = "../ai-sdk/model.rs"]
mod model;
mod session;
mod turn;

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use model::{BrokenOff, Model, TIME_PER_TOKEN};
use serde::Serialize;
use session::{NoSession, Session, SetCookie};
use tokio::signal::unix::{SignalKind, signal};
use touka::extract::{FromRef, Json, LastEventId, State};
use touka::run::RunError;
use touka::{EventStream, Hub, Router, Server, route, routes, sse_handler};
use touka_examples::{Id, Page, begin, pace, page};
use turn::{Ask, Turn};

/// The beginning of the keys of turns.
const PREFIX: &str = "turns/";

/// How long an `EventSource` waits before it reconnects. A reader of an answer notices a gap of three seconds, the
/// default of browsers.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// The maximum number of answers that one session can get at the same time. A browser has at most six connections to a
/// server of HTTP/1.1, and each tab needs one for each of these.
const MAX_RUNS_PER_SESSION: usize = 2;

/// How long answers may go on when the server shuts down, before they are stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
struct App {
    hub: Hub,
    model: Model,
}

impl FromRef<App> for Hub {
    fn from_ref(app: &App) -> Self {
        app.hub.clone()
    }
}

impl FromRef<App> for Model {
    fn from_ref(app: &App) -> Self {
        app.model
    }
}

/// The page, and a session for a browser that has none.
#[route(GET, "/")]
async fn index(session: Result<Session, NoSession>) -> (Option<SetCookie>, Page) {
    (session.is_err().then(|| Session::new().set_cookie()), page(include_str!("page.html")))
}

/// A turn in the list.
#[derive(Serialize)]
struct Listed {
    id: String,
    status: &'static str,
}

/// The turns of the session that are under way or kept, the oldest first.
#[route(GET, "/turns")]
async fn list(session: Session, State(hub): State<Hub>) -> Result<Json<Vec<Listed>>, RunError> {
    let runs = hub.runs(&session).await?;
    let listed = runs.iter().rev().filter_map(|run| {
        let id = run.key().strip_prefix(PREFIX)?.to_owned();
        Some(Listed { id, status: run.status().as_str() })
    });
    Ok(Json(listed.collect()))
}

/// Starts the answer to a question, or joins it: a client may send this request again. The response is the turn from its
/// beginning on. When its client leaves, the body goes on.
///
/// The body has nothing to clean up, so a stop drops it at once. `stopping()` is for those that do.
#[sse_handler(detached = "turns/{id}", owner = "{session}", stop_grace = "0s", keep_for = "24h")]
#[route(POST, "/turns/{id}")]
async fn ask(
    session: Session,
    id: Id,
    State(model): State<Model>,
    Json(ask): Json<Ask>,
) -> Result<EventStream<Turn>, BrokenOff> {
    let mut answer = model.answer(&ask.question);
    emit!(Turn::Asked { question: ask.question });
    while let Some(text) = answer.next().await? {
        emit!(Turn::Delta { text });
    }
}

/// A turn: the question, the answer and how it ended, from the client's last event on.
#[route(GET, "/turns/{id}")]
async fn follow(
    session: Session,
    id: Id,
    State(hub): State<Hub>,
    from: LastEventId,
) -> Result<EventStream<Turn>, RunError> {
    Ok(hub.run(format!("{PREFIX}{id}"))?.owner(&session).follow(from).await?.retry(RECONNECT_AFTER))
}

/// Stops an answer, for all who read it.
#[route(POST, "/turns/{id}/stop")]
async fn stop(session: Session, id: Id, State(hub): State<Hub>) -> Result<StatusCode, RunError> {
    hub.run(format!("{PREFIX}{id}"))?.owner(&session).stop().await
}

fn app(hub: Hub, model: Model) -> Router {
    hub.set_max_runs_per_owner(MAX_RUNS_PER_SESSION);
    Router::new().mount(routes![index, list, ask, follow, stop]).with_state(App { hub, model })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pace = pace(TIME_PER_TOKEN)?;
    let path = std::env::args_os().nth(3);
    let hub = match &path {
        Some(path) => Hub::open(path)?,
        None => Hub::memory(),
    };
    let app = app(hub.clone(), Model::new(pace));
    let mut lines: Vec<String> = app.routes().map(ToString::to_string).collect();
    lines.push(match path {
        Some(path) => format!("answers are kept in {}", path.display()),
        None => "answers are kept in memory: a third argument names a file".to_owned(),
    });
    let listener = begin("assistant", lines).await?;
    Ok(Server::new().shutdown_on(shutdown(hub)).serve(listener, app).await?)
}

/// Waits for ctrl-c or SIGTERM, and stops the answers, so that their readers see an end before the server shuts down.
async fn shutdown(hub: Hub) {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => _ = tokio::signal::ctrl_c().await,
    }
    hub.stop_runs(STOP_TIMEOUT).await;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use touka::testing::{Events, Received, TestApp, TestResponse};

    use super::*;

    fn serve(hub: &Hub) -> TestApp {
        TestApp::new(app(hub.clone(), Model::new(TIME_PER_TOKEN))).timeout(Duration::from_mins(1))
    }

    /// A browser that has opened the page.
    async fn browser(app: &TestApp) -> TestApp {
        let browser = app.clone().cookies();
        assert_eq!(browser.get("/").send().await.status(), 200);
        browser
    }

    async fn ask(browser: &TestApp, id: &str, question: &str) -> TestResponse {
        browser.post(&format!("/turns/{id}")).json(&json!({"question": question})).send().await
    }

    async fn listed(browser: &TestApp) -> Value {
        browser.get("/turns").send().await.json().await
    }

    fn text(events: &[Received]) -> String {
        let deltas = events.iter().filter(|event| event.name == "delta");
        deltas.map(|event| event.json::<Value>()["text"].as_str().expect("a text").to_owned()).collect()
    }

    /// All events from the first one to the last one, whose name is that of the end.
    async fn whole(mut events: Events) -> (Vec<Received>, String) {
        let all = events.rest().await;
        assert_eq!(all[0].name, "asked");
        let end = all.last().expect("an end").name.clone();
        (all, end)
    }

    #[tokio::test(start_paused = true)]
    async fn every_client_gets_the_whole_answer() {
        let hub = Hub::memory();
        let app = serve(&hub);
        let browser = browser(&app).await;
        assert_eq!(ask(&browser, "t1", "Why?").await.status(), 200);
        let mut first = browser.get("/turns/t1").events().await;
        let mut seen = Vec::new();
        for _ in 0..10 {
            seen.push(first.next_event().await.expect("an event"));
        }
        first.disconnect();
        // The request has arrived twice: there is one answer.
        assert_eq!(ask(&browser, "t1", "Why?").await.status(), 200);
        let reloaded = browser.get("/turns/t1").events().await;
        let last = seen.last().expect("an event").id.clone();
        let resumed = browser.get("/turns/t1").header("last-event-id", &last).events().await.rest().await;
        let (all, end) = whole(reloaded).await;
        assert_eq!(end, "done");
        assert_eq!(text(&seen) + &text(&resumed), text(&all));
        assert!(text(&all).starts_with("“Why?”: ") && text(&all).ends_with('.'));

        assert_eq!(listed(&browser).await, json!([{"id": "t1", "status": "done"}]));
        let last = all.last().expect("an event").id.clone();
        let over = browser.get("/turns/t1").header("last-event-id", &last).send().await;
        assert_eq!(over.status(), 204);
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_answer_for_all() {
        let hub = Hub::memory();
        let app = serve(&hub);
        let browser = browser(&app).await;
        ask(&browser, "t1", "Why?").await;
        let clients = [browser.get("/turns/t1").events().await, browser.get("/turns/t1").events().await];
        assert_eq!(browser.post("/turns/t1/stop").send().await.status(), 202);
        for client in clients {
            assert_eq!(whole(client).await.1, "cancelled");
        }
        assert_eq!(browser.post("/turns/t1/stop").send().await.status(), 204);
        assert_eq!(listed(&browser).await, json!([{"id": "t1", "status": "cancelled"}]));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_those_of_one_session() {
        let hub = Hub::memory();
        let app = serve(&hub);
        assert_eq!(app.get("/turns").send().await.status(), 401);
        assert_eq!(ask(&app, "t1", "Why?").await.status(), 401);
        let [ada, ben] = [browser(&app).await, browser(&app).await];
        assert_eq!(ask(&ada, "t1", "Why?").await.status(), 200);
        assert_eq!(ask(&ben, "t1", "Why?").await.status(), 404);
        assert_eq!(ben.get("/turns/t1").send().await.status(), 404);
        assert_eq!(ben.post("/turns/t1/stop").send().await.status(), 404);
        assert_eq!(listed(&ben).await, json!([]));
        assert_eq!(listed(&ada).await, json!([{"id": "t1", "status": "running"}]));
        // A reload keeps the session.
        assert_eq!(ada.get("/").send().await.header("set-cookie"), None);
        assert_eq!(ada.get("/turns/t2").send().await.status(), 404);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_request_is_a_status_and_says_why() {
        let hub = Hub::memory();
        let browser = browser(&serve(&hub)).await;
        for (id, question, reason) in [
            ("a%20b", "Why?", "letters, digits"),
            (&*"t".repeat(65), "Why?", "letters, digits"),
            ("t1", " ", "the question is empty"),
            ("t1", &"?".repeat(2_001), "longer than 2000"),
        ] {
            let response = ask(&browser, id, question).await;
            assert_eq!(response.status(), 400);
            let text = response.text().await;
            assert!(text.contains(reason), "{text}");
        }
        assert_eq!(listed(&browser).await, json!([]));
        // The third answer at the same time is one too many.
        assert_eq!(ask(&browser, "t1", "Why?").await.status(), 200);
        assert_eq!(ask(&browser, "t2", "Why?").await.status(), 200);
        assert_eq!(ask(&browser, "t3", "Why?").await.status(), 429);
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_breaks_off_has_failed() {
        let hub = Hub::memory();
        let browser = browser(&serve(&hub)).await;
        ask(&browser, "t1", "Please break").await;
        let (all, end) = whole(browser.get("/turns/t1").events().await).await;
        assert_eq!(end, "failed");
        assert!(text(&all).starts_with("“Please break”: "));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_ends_answers_that_are_under_way() {
        let hub = Hub::memory();
        let browser = browser(&serve(&hub)).await;
        ask(&browser, "t1", "Why?").await;
        let events = browser.get("/turns/t1").events().await;
        assert!(hub.stop_runs(STOP_TIMEOUT).await);
        let (all, end) = whole(events).await;
        assert_eq!(end, "cancelled");
        assert_eq!(all.last().expect("an end").json::<Value>(), json!({"reason": "shutdown"}));
        assert_eq!(ask(&browser, "t2", "Why?").await.status(), 503);
    }
}
