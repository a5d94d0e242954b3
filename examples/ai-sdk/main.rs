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
//! [`turns`] answers.

mod ask;
mod chunk;
mod model;
mod turns;

use std::error::Error;

use ask::{Ask, Id};
use chunk::Sent;
use http::StatusCode;
use model::{BrokenOff, Model, TIME_PER_TOKEN};
use touka::extract::{Json, State};
use touka::{EventStream, Router, route, routes};
use touka_examples::{Page, begin, pace, page};

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// Answers the last message of a chat: `sendMessage` and `regenerate` of `useChat`.
#[route(POST, "/api/chat")]
async fn send(State(model): State<Model>, Json(ask): Json<Ask>) -> Result<EventStream<Sent>, BrokenOff> {
    turns::start(model, ask).await
}

/// The answer that a chat is getting, from its beginning: `resumeStream` of `useChat`, and its option `resume`.
///
/// The client sends no `Last-Event-ID`: it throws away what it has, and reads the answer anew. It takes 204 as
/// the statement that there is nothing to resume.
#[route(GET, "/api/chat/{id}/stream")]
async fn resume(id: Id) -> Result<EventStream<Sent>, StatusCode> {
    turns::follow(&id).ok_or(StatusCode::NO_CONTENT)
}

/// Stops the answer that a chat is getting, if any. `stop` of `useChat` only closes the client's own connection:
/// a button that is to stop the work calls this as well.
#[route(POST, "/api/chat/{id}/stop")]
async fn stop(id: Id) -> StatusCode {
    turns::stop(&id);
    StatusCode::NO_CONTENT
}

fn app(model: Model) -> Router {
    Router::new().mount(routes![index, send, resume, stop]).with_state(model)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Model::new(pace(TIME_PER_TOKEN)?));
    let listener = begin("ai-sdk", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio::time::Instant;
    use touka::testing::{Received, TestApp, TestRequest};

    use super::*;

    fn chat() -> TestApp {
        TestApp::new(app(Model::new(TIME_PER_TOKEN))).timeout(Duration::from_mins(1))
    }

    /// The request of the AI SDK for a message with this text.
    fn ask(app: &TestApp, text: &str) -> TestRequest {
        let message = json!({"id": "m1", "role": "user", "parts": [{"type": "text", "text": text}]});
        app.post("/api/chat").json(&json!({"id": "den", "messages": [message], "trigger": "submit-message"}))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_a_ui_message_stream() {
        let app = chat();
        let mut events = ask(&app, "Why?").events().await;
        assert_eq!(events.headers()["x-vercel-ai-ui-message-stream"], "v1");
        assert_eq!(events.next_json::<Value>().await, json!({"type": "start", "messageId": "m1-answer"}));
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
        // Neither names nor ids: the AI SDK would ignore them.
        assert!(rest.iter().all(|event| event.name == "message" && event.id.is_empty()), "{rest:?}");
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_depends_on_the_prompt_only() {
        let app = chat();
        let answer = async |text| ask(&app, text).events().await.rest().await;
        assert_eq!(answer("Why?").await, answer("Why?").await);
        assert_ne!(answer("Why?").await, answer("How?").await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_breaks_off_is_an_error_chunk() {
        let rest = ask(&chat(), "Please break").events().await.rest().await;
        let last = rest.last().expect("an end").json::<Value>();
        assert_eq!(last, json!({"type": "error", "errorText": "the model broke off: ask again"}));
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
