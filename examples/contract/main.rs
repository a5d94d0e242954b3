//! A chat whose contract is known: an OpenAPI document and a TypeScript client, from its handlers.
//!
//! ```text
//! cargo run --example contract -- --typescript examples/contract/page/api.ts      # write the client
//! npx -p typescript tsc -p examples/contract/page                                 # build the page
//! cargo run --example contract                        # then open http://127.0.0.1:3000, in two tabs
//! cargo run --example contract -- 127.0.0.1:3000 500  # a slower model: milliseconds for a word
//! cargo run --example contract -- --openapi FILE      # write the document, which /openapi.json has as well
//! curl -N http://127.0.0.1:3000/rooms/den             # listen to a room
//! curl http://127.0.0.1:3000/rooms/den -H 'content-type: application/json' \
//!   -d '{"author": "ben", "text": "hello"}'           # say something there
//! ```
//!
//! Routes in `contract!` instead of `routes!` are in the contract. The types of their parameters, bodies and events
//! derive `JsonSchema`, and doc comments go into the document. [`rooms`] has topics, [`answers`] has runs, [`text`] is a
//! type whose limits are in the contract. `page/page.ts` is the page: a change here that it does not expect is an error
//! of `tsc`. [`built`] serves what `tsc` has made of it.

mod answers;
mod built;
// The model of the example ai-sdk.
#[path = "../ai-sdk/model.rs"]
mod model;
mod rooms;
mod text;

use std::error::Error;
use std::{env, fs};

use axum::response::Response;
use built::Built;
use model::{Model, TIME_PER_TOKEN};
use rooms::Rooms;
use touka::extract::{FromRef, State};
use touka::openapi::Info;
use touka::topic::Retention;
use touka::{Hub, Router, contract, route, routes};
use touka_examples::{Page, begin, pace, page};

/// The number of events that a room keeps for clients that come later.
const HISTORY: usize = 50;

#[derive(Clone, Debug)]
struct App {
    hub: Hub,
    rooms: Rooms,
    model: Model,
    built: Built,
}

impl FromRef<App> for Hub {
    fn from_ref(app: &App) -> Self {
        app.hub.clone()
    }
}

impl FromRef<App> for Rooms {
    fn from_ref(app: &App) -> Self {
        app.rooms.clone()
    }
}

impl FromRef<App> for Model {
    fn from_ref(app: &App) -> Self {
        app.model
    }
}

impl FromRef<App> for Built {
    fn from_ref(app: &App) -> Self {
        app.built.clone()
    }
}

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page/page.html"))
}

/// A script of the page.
#[route(GET, "/page/{file}")]
async fn script(State(built): State<Built>, file: String) -> Response {
    built.file(&file).await
}

fn info() -> Info {
    Info::new("Chat", env!("CARGO_PKG_VERSION")).description("Rooms with messages, and answers to questions.")
}

fn app(model: Model, built: Built) -> Router {
    let hub = Hub::builder().retention(Retention::new().events(HISTORY)).memory();
    let known = contract![rooms::list, rooms::say, rooms::listen, answers::ask, answers::watch, answers::stop];
    let state = App { hub, rooms: Rooms::default(), model, built };
    Router::new().mount(known).mount(routes![index, script]).mount_openapi("/openapi.json", info()).with_state(state)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let app = app(Model::new(TIME_PER_TOKEN), Built::new(None::<&str>));
    match &*arguments {
        [kind, file] if kind == "--openapi" => Ok(fs::write(file, format!("{:#}\n", app.openapi(info())))?),
        [kind, file] if kind == "--typescript" => Ok(fs::write(file, app.typescript())?),
        _ => serve(arguments.get(2)).await,
    }
}

/// Serves the app. Other examples have the first two arguments, too; the third one is the folder of the page's scripts.
async fn serve(built: Option<&String>) -> Result<(), Box<dyn Error>> {
    let app = app(Model::new(pace(TIME_PER_TOKEN)?), Built::new(built));
    let listener = begin("contract", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use touka::testing::{Events, TestApp};

    use super::*;

    fn chat() -> TestApp {
        TestApp::new(app(Model::new(Duration::ZERO), Built::new(None::<&str>)))
    }

    async fn say(chat: &TestApp, room: &str, message: &Value) -> (u16, String) {
        let response = chat.post(&format!("/rooms/{room}")).json(message).send().await;
        (response.status().as_u16(), response.text().await)
    }

    /// The next event: its name and its data.
    async fn next(events: &mut Events) -> (String, Value) {
        let event = events.next_event().await.expect("a room never ends");
        (event.name.clone(), event.json())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reconnects_gets_each_message_once() {
        let chat = chat();
        let (status, answer) = say(&chat, "den", &json!({ "author": "ben", "text": "hello" })).await;
        assert_eq!(status, 200);
        let first = json!({ "number": 1, "author": "ben", "text": "hello", "mood": "neutral", "isFirst": true });
        assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON"), first);

        let mut events = chat.get("/rooms/den").events().await;
        assert_eq!(next(&mut events).await, ("joined".into(), json!({ "author": "ben", "authors": 1 })));
        assert_eq!(next(&mut events).await, ("said".into(), first));
        let last = events.last_event_id();
        events.disconnect();
        say(&chat, "den", &json!({ "author": "ben", "text": "again", "mood": "cross" })).await;
        let mut events = chat.get("/rooms/den").header("last-event-id", last).events().await;
        let second = json!({ "number": 2, "author": "ben", "text": "again", "mood": "cross", "isFirst": false });
        assert_eq!(next(&mut events).await, ("said".into(), second));
        events.assert_pending().await;
    }

    #[tokio::test(start_paused = true)]
    async fn rooms_are_listed_by_the_beginning_of_their_names() {
        let chat = chat();
        for room in ["den", "hall", "dell"] {
            say(&chat, room, &json!({ "author": "ben", "text": "hello" })).await;
        }
        let _here = chat.get("/rooms/den").events().await;
        for (query, expected) in
            [("", &["dell", "den", "hall"][..]), ("?prefix=de", &["dell", "den"]), ("?prefix=de&limit=1", &["dell"])]
        {
            let list: Value = chat.get(&format!("/rooms{query}")).send().await.json().await;
            let names: Vec<_> = list.as_array().expect("a list").iter().map(|room| room["name"].clone()).collect();
            assert_eq!(names, expected);
        }
        let list: Value = chat.get("/rooms?prefix=den").send().await.json().await;
        assert_eq!(list, json!([{ "name": "den", "messages": 1, "listeners": 1 }]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_asked_for_once_and_watched_by_all() {
        let chat = chat();
        let mut asked = chat.post("/answers/a1").json(&json!({ "question": "Why?" })).events().await;
        let all = asked.rest().await;
        assert_eq!((all[0].name.as_str(), all.last().expect("an end").name.as_str()), ("asked", "done"));
        let watched = chat.get("/answers/a1").events().await.rest().await;
        assert_eq!(watched.len(), all.len());
        assert_eq!(chat.post("/answers/a1/stop").send().await.status(), 204);
        assert_eq!(chat.post("/answers/a2/stop").send().await.status(), 404);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_contract_does_not_allow_is_refused() {
        let chat = chat();
        for message in [
            json!({ "author": "", "text": "hello" }),
            json!({ "author": "ben", "text": "x".repeat(2_001) }),
            json!({ "author": "ben", "text": "hello", "mood": "odd" }),
        ] {
            assert_eq!(say(&chat, "den", &message).await.0, 400, "{message}");
        }
        assert_eq!(say(&chat, "d.en", &json!({ "author": "ben", "text": "hello" })).await.0, 400);
        assert_eq!(chat.get("/rooms?limit=256").send().await.status(), 400);
        assert_eq!(chat.get("/rooms").send().await.json::<Value>().await, json!([]));
    }

    #[tokio::test]
    async fn the_document_has_the_routes_and_the_limits_of_texts() {
        let response = chat().get("/openapi.json").send().await;
        assert_eq!(response.header("content-type"), Some("application/openapi+json;version=3.2"));
        let document: Value = response.json().await;
        let paths: Vec<_> = document["paths"].as_object().expect("an object").keys().collect();
        assert_eq!(paths, ["/answers/{id}", "/answers/{id}/stop", "/rooms", "/rooms/{room}"]);
        let author = &document["components"]["schemas"]["NewMessage"]["properties"]["author"];
        assert_eq!((&author["minLength"], &author["maxLength"]), (&json!(1), &json!(32)));
    }
}
