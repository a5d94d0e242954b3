//! The server of a chat with the AI SDK: the endpoints that `useChat` expects, in its UI message stream.
//!
//! ```text
//! cargo run --example ai-sdk                          # then open http://127.0.0.1:3000
//! cargo run --example ai-sdk -- 0.0.0.0:8080          # another address
//! cargo run --example ai-sdk -- 127.0.0.1:3000 500    # a slower model: milliseconds for a token
//! curl -N http://127.0.0.1:3000/api/chat -H 'content-type: application/json' \
//!   -d '{"id": "den", "messages": [{"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Why?"}]}]}'
//! ```
//!
//! A React app needs nothing but `useChat()`: these paths are its defaults. `page.html` is a page without React,
//! which speaks the same protocol. [`ask`] has the request, [`chunk`] the events, [`model`] makes the words, and
//! [`turns`] answers. The answers go on without their clients: a reload resumes, and a second tab joins.

mod ask;
mod chunk;
mod model;
mod turns;

use std::error::Error;

use ask::Ask;
use http::StatusCode;
use model::{Model, TIME_PER_TOKEN};
use touka::extract::{Json, State};
use touka::response::Result;
use touka::run::RunError;
use touka::{EventStream, Hub, Router, route, routes};
use touka_examples::{Id, Page, begin, pace, page};

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

#[derive(Clone, Debug)]
struct App {
    /// The runs. With `Hub::redis` a client can resume on any node, and with `Hub::open` after a restart.
    hub: Hub,
    model: Model,
}

/// Answers the last message of a chat: `sendMessage` and `regenerate` of `useChat`.
#[route(POST, "/api/chat")]
async fn send(State(app): State<App>, Json(ask): Json<Ask>) -> Result<EventStream, RunError> {
    turns::start(app, ask).await
}

/// The answer that a chat is getting, from its beginning: `resumeStream` of `useChat`, and its option `resume`.
///
/// The client sends no `Last-Event-ID`: it throws away what it has, and reads the answer anew. It takes 204 as
/// the statement that there is nothing to resume.
#[route(GET, "/api/chat/{id}/stream")]
async fn resume(State(app): State<App>, id: Id) -> Result<EventStream> {
    Ok(turns::follow(app, &id).await?.ok_or(StatusCode::NO_CONTENT)?)
}

/// Stops the answer that a chat is getting, if any. `stop` of `useChat` only closes the client's own connection:
/// a button that is to stop the work calls this as well.
#[route(POST, "/api/chat/{id}/stop")]
async fn stop(State(app): State<App>, id: Id) -> Result<StatusCode, RunError> {
    turns::stop(app, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn app(model: Model) -> Router {
    let app = App { hub: Hub::memory(), model };
    Router::new().mount(routes![index, send, resume, stop]).with_state(app)
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let app = app(Model::new(pace(TIME_PER_TOKEN)?));
    let listener = begin("ai-sdk", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio::time::Instant;
    use touka::testing::{Events, Received, TestApp, TestRequest};

    use super::*;

    fn chat() -> TestApp {
        TestApp::new(app(Model::new(TIME_PER_TOKEN))).timeout(Duration::from_mins(1))
    }

    /// The request of the AI SDK for a new message with this text. The text is its id, too.
    fn ask(app: &TestApp, text: &str) -> TestRequest {
        post(app, text, "submit-message")
    }

    fn post(app: &TestApp, text: &str, trigger: &str) -> TestRequest {
        let id = text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let message = json!({"id": id, "role": "user", "parts": [{"type": "text", "text": text}]});
        app.post("/api/chat").json(&json!({"id": "den", "messages": [message], "trigger": trigger}))
    }

    async fn datas(mut events: Events) -> Vec<String> {
        events.rest().await.into_iter().map(|event| event.data).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_a_ui_message_stream() {
        let app = chat();
        let mut events = ask(&app, "Why?").events().await;
        assert_eq!(events.headers()["x-vercel-ai-ui-message-stream"], "v1");
        assert_eq!(events.next_json::<Value>().await, json!({"type": "start", "messageId": "Why--answer"}));
        assert_eq!(events.next_json::<Value>().await, json!({"type": "start-step"}));
        assert_eq!(events.next_json::<Value>().await, json!({"type": "text-start", "id": "text"}));
        // The clock is paused: a token arrives after the model's time for it, and not before.
        let asked = Instant::now();
        let first = json!({"type": "text-delta", "id": "text", "delta": "“Why?”: "});
        assert_eq!(events.next_json::<Value>().await, first);
        assert!(asked.elapsed() >= TIME_PER_TOKEN.mul_f64(0.9), "{:?}", asked.elapsed());
        events.assert_pending().await;

        let rest = events.rest().await;
        let [deltas @ .., text_end, finish_step, finish, done] = &rest[..] else { panic!("too few: {rest:?}") };
        let deltas: Vec<Value> = deltas.iter().map(Received::json).collect();
        assert!(deltas.iter().all(|delta| delta["type"] == "text-delta" && delta["id"] == "text"), "{deltas:?}");
        assert_eq!(text_end.json::<Value>(), json!({"type": "text-end", "id": "text"}));
        assert_eq!(finish_step.json::<Value>(), json!({"type": "finish-step"}));
        assert_eq!(finish.json::<Value>(), json!({"type": "finish", "finishReason": "stop"}));
        assert_eq!(done.data, "[DONE]");
        // No names: the AI SDK would ignore them.
        assert!(rest.iter().all(|event| event.name == "message"), "{rest:?}");
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_depends_on_the_prompt_only() {
        let app = chat();
        let answer = async |trigger, text| datas(post(&app, text, trigger).events().await).await;
        let first = answer("submit-message", "Why?").await;
        // An answer that is there is the answer to a request that was sent twice, and takes no time.
        let asked = Instant::now();
        assert_eq!(answer("submit-message", "Why?").await, first);
        assert!(asked.elapsed() < TIME_PER_TOKEN, "{:?}", asked.elapsed());
        assert_eq!(answer("regenerate-message", "Why?").await, first);
        assert!(asked.elapsed() > TIME_PER_TOKEN * 50, "{:?}", asked.elapsed());
        assert_ne!(answer("submit-message", "How?").await, first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_comes_in_the_middle_gets_all() {
        let app = chat();
        let mut first = ask(&app, "Why?").events().await;
        let mut begun = Vec::new();
        for _ in 0..10 {
            begun.push(first.next_event().await.expect("a chunk").data);
        }
        let second = app.get("/api/chat/den/stream").events().await;
        assert_eq!(second.headers()["x-vercel-ai-ui-message-stream"], "v1");
        first.disconnect();
        let third = ask(&app, "Why?").events().await;
        let all = datas(second).await;
        assert_eq!(all[..10], begun);
        assert_eq!(all.last().map(String::as_str), Some("[DONE]"));
        assert_eq!(datas(third).await, all);
        assert_eq!(app.get("/api/chat/den/stream").send().await.status(), 204);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_is_an_abort_chunk_for_all() {
        let app = chat();
        let first = ask(&app, "Why?").events().await;
        let second = app.get("/api/chat/den/stream").events().await;
        assert_eq!(app.post("/api/chat/den/stop").send().await.status(), 204);
        let all = datas(first).await;
        assert_eq!(all.last().map(String::as_str), Some(r#"{"type":"abort"}"#));
        assert_eq!(datas(second).await, all);
        assert_eq!(app.get("/api/chat/den/stream").send().await.status(), 204);
        assert_eq!(app.post("/api/chat/den/stop").send().await.status(), 204);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_message_stops_the_answer_to_the_last_one() {
        let app = chat();
        let why = ask(&app, "Why?").events().await;
        let how = ask(&app, "How?").events().await;
        let resumed = app.get("/api/chat/den/stream").events().await;
        assert_eq!(datas(why).await.last().map(String::as_str), Some(r#"{"type":"abort"}"#));
        let all = datas(how).await;
        assert_eq!(all.last().map(String::as_str), Some("[DONE]"));
        assert_eq!(datas(resumed).await, all);
    }

    /// The client reads up to the first error chunk, which has the reason.
    #[tokio::test(start_paused = true)]
    async fn a_model_that_breaks_off_is_an_error_chunk() {
        let rest = ask(&chat(), "Please break").events().await.rest().await;
        let first = rest.iter().map(Received::json::<Value>).find(|chunk| chunk["type"] == "error");
        assert_eq!(first, Some(json!({"type": "error", "errorText": "the model broke off: ask again"})));
        let last = rest.last().expect("an end").json::<Value>();
        assert_eq!(last, json!({"type": "error", "errorText": "the answer has failed: ask again"}));
    }

    #[tokio::test]
    async fn a_bad_request_is_a_status_and_says_why() {
        let app = chat();
        let user = |id: &str, parts: Value| json!({"id": id, "role": "user", "parts": parts});
        let text = json!([{"type": "text", "text": "Why?"}]);
        for (id, messages, reason) in [
            ("den", json!([]), "no message of the user"),
            ("den", json!([user("m1", json!([{"type": "file", "url": "data:,"}]))]), "no message of the user"),
            ("a/b", json!([user("m1", text.clone())]), "letters, digits"),
            ("den", json!([user(&"m".repeat(65), text)]), "letters, digits"),
            ("den", json!([{"id": "m1", "role": "user", "content": "Why?"}]), "missing field `parts`"),
        ] {
            let response = app.post("/api/chat").json(&json!({"id": id, "messages": messages})).send().await;
            assert_eq!(response.status(), 400);
            // The AI SDK makes this text the message of its error.
            let text = response.text().await;
            assert!(text.contains(reason), "{text}");
        }
        assert_eq!(app.get("/api/chat/a%2Fb/stream").send().await.status(), 400);
    }

    #[tokio::test]
    async fn there_is_nothing_to_resume_or_stop_before_a_message() {
        let app = chat();
        assert_eq!(app.get("/api/chat/den/stream").send().await.status(), 204);
        assert_eq!(app.post("/api/chat/den/stop").send().await.status(), 204);
    }
}
