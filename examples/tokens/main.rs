//! An API in the shape of `OpenAI`'s chat completions: tokens as they are made, or the response as a whole.
//!
//! ```text
//! cargo run --example tokens                          # then open http://127.0.0.1:3000
//! cargo run --example tokens -- 0.0.0.0:8080          # another address
//! curl -N http://127.0.0.1:3000/v1/chat/completions -H 'content-type: application/json' \
//!   -d '{"stream": true, "messages": [{"role": "user", "content": "Why?"}]}'
//! ```
//!
//! One path that responds with a stream or with JSON, as the request's body says, and a client that can
//! disconnect at any token. [`model`] makes the words, [`api`] has the types, `page.html` is the page.

mod api;
mod model;

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use api::{ApiError, DONE, Identity, Request};
use axum::response::{IntoResponse, Response};
use model::{Answer, Model};
use touka::extract::{Json, JsonRejection, State};
use touka::{Router, route, routes, sse_handler};
use touka_examples::{Page, begin, page};

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// The number of completions that the model makes now.
#[route(GET, "/busy")]
async fn busy(State(model): State<Model>) -> String {
    model.busy().to_string()
}

/// A completion, streamed or whole.
///
/// Errors in the request are found before the first byte, so they have a status of their own.
#[route(POST, "/v1/chat/completions")]
async fn complete(
    State(model): State<Model>,
    body: Result<Json<Request>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(request) = body?;
    if request.messages.is_empty() {
        return Err(ApiError::invalid("`messages` is empty: there is nothing to answer"));
    }
    let answer = model.answer(request.max_tokens).ok_or_else(ApiError::overloaded)?;
    let identity = identity();
    Ok(if request.stream {
        stream(answer, identity).await.into_response()
    } else {
        whole(answer, identity).await.into_response()
    })
}

/// The completion token by token.
///
/// An annotated function is a function: it needs no route of its own. When the client disconnects, it is
/// dropped where it waits, and `answer` with it, which releases the model's permit.
#[sse_handler]
async fn stream(mut answer: Answer, identity: Identity) {
    emit!(identity.opening());
    while let Some(token) = answer.next().await {
        emit!(identity.token(token));
    }
    emit!(identity.finished(answer.finish_reason()));
    emit!(DONE);
}

/// The completion as a whole.
async fn whole(mut answer: Answer, identity: Identity) -> impl IntoResponse {
    let (mut text, mut tokens) = (String::new(), 0);
    while let Some(token) = answer.next().await {
        text.push_str(token);
        tokens += 1;
    }
    identity.whole(&text, tokens, answer.finish_reason())
}

/// An id that no other completion of this server has.
fn identity() -> Identity {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    let number = LATEST.fetch_add(1, Ordering::Relaxed) + 1;
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Identity { id: format!("chatcmpl-{created:x}-{number}"), created }
}

fn app(model: Model) -> Router {
    Router::new().mount(routes![index, busy, complete]).with_state(model)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Model::load());
    let listener = begin("tokens", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{CAPACITY, TEXT, TIME_PER_TOKEN};
    use serde_json::{Value, json};
    use tokio::time::{Instant, sleep, timeout};
    use touka::testing::{TestApp, TestRequest};

    use super::*;

    /// Long enough for a whole completion.
    const LONG: Duration = Duration::from_mins(1);

    /// An app, and a request to it with these fields beside its messages.
    fn ask(model: &Model, more: &Value) -> (TestApp, TestRequest) {
        let mut body = json!({"model": "any", "messages": [{"role": "user", "content": "Why?"}]});
        let more = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(more);
        let app = TestApp::new(app(model.clone())).timeout(LONG);
        let request = app.post("/v1/chat/completions").json(&body);
        (app, request)
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_come_one_by_one_in_openais_chunks() {
        let model = Model::load();
        let (app, request) = ask(&model, &json!({"stream": true}));
        let mut events = request.events().await;
        let opening: Value = events.next_json().await;
        assert_eq!(opening["object"], "chat.completion.chunk");
        assert_eq!(opening["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));

        // The clock is paused: a token arrives after the model's time for it, and not before.
        let asked = Instant::now();
        let first: Value = events.next_json().await;
        assert!(asked.elapsed() >= TIME_PER_TOKEN.mul_f64(0.9), "{:?}", asked.elapsed());
        assert_eq!(
            first["choices"],
            json!([{"index": 0, "delta": {"content": "Server-Sent "}, "finish_reason": null}])
        );
        events.assert_pending().await;

        let rest = events.rest().await;
        let [tokens @ .., finished, done] = &rest[..] else { panic!("too few: {rest:?}") };
        let tokens: Vec<Value> = tokens.iter().map(touka::testing::Received::json).collect();
        let text: String = tokens.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(format!("Server-Sent {text}"), TEXT);
        assert!(tokens.iter().all(|chunk| chunk["id"] == opening["id"]), "one completion, one id");
        let finished = finished.json::<Value>();
        assert_eq!(finished["choices"], json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]));
        assert_eq!(done.data, "[DONE]");
        assert!(events.bytes().ends_with(b"\n\ndata: [DONE]\n\n"));
        app.assert_nothing_left().await;
        assert_eq!(model.busy(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_stream_the_answer_is_one_json() {
        for more in [json!({}), json!({"stream": false})] {
            let response = ask(&Model::load(), &more).1.send().await;
            assert_eq!(response.header("content-type"), Some("application/json"));
            let answer = response.json::<Value>().await;
            assert_eq!(answer["object"], "chat.completion");
            assert_eq!(answer["choices"][0]["message"], json!({"role": "assistant", "content": TEXT}));
            assert_eq!(answer["usage"]["completion_tokens"], TEXT.split_inclusive(' ').count());
        }
        let short = ask(&Model::load(), &json!({"max_tokens": 2})).1.send().await.json::<Value>().await;
        assert_eq!(short["choices"][0]["message"]["content"], "Server-Sent Events ");
        assert_eq!(short["choices"][0]["finish_reason"], "length");
    }

    #[tokio::test(start_paused = true)]
    async fn a_disconnect_stops_the_work() {
        let model = Model::load();
        let (app, request) = ask(&model, &json!({"stream": true}));
        let mut events = request.clone().events().await;
        for _ in 0..10 {
            events.next_json::<Value>().await;
        }
        assert_eq!(model.busy(), 1);
        events.disconnect();
        app.assert_nothing_left().await;
        assert_eq!(model.busy(), 0, "the permit is still held");

        // The same for a completion that is not streamed.
        let (app, request) = ask(&model, &json!({}));
        assert!(timeout(TIME_PER_TOKEN * 3, request.send()).await.is_err());
        app.assert_nothing_left().await;
        assert_eq!(model.busy(), 0, "the permit is still held");
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_request_is_a_status_and_json_that_says_why() {
        let app = TestApp::new(app(Model::load()));
        let request = || app.post("/v1/chat/completions").header("content-type", "application/json");
        for (body, reason) in [
            (r#"{"stream": true, "messages": []}"#, "`messages` is empty"),
            (r#"{"stream": true}"#, "missing field `messages`"),
            (r#"{"stream": true, "messages": [{"role": "parrot", "content": ""}]}"#, "unknown variant `parrot`"),
            ("why?", "expected value"),
        ] {
            let response = request().body(body).send().await;
            assert_eq!(response.status(), 400, "{body}");
            let error = response.json::<Value>().await;
            assert_eq!(error["error"]["type"], "invalid_request_error");
            assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains(reason)), "{error}");
        }
        let response = app.post("/v1/chat/completions").body("{}").send().await;
        assert_eq!(response.status(), 415);
        assert!(response.json::<Value>().await["error"]["message"].is_string());
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_model_is_an_error() {
        let model = Model::load();
        let taken: Vec<Answer> = (0..CAPACITY).filter_map(|_| model.answer(None)).collect();
        let (app, request) = ask(&model, &json!({"stream": true}));
        assert_eq!(request.clone().send().await.status(), 429);
        assert_eq!(app.get("/busy").send().await.text().await, "4");
        drop(taken);
        sleep(TIME_PER_TOKEN).await;
        assert_eq!(request.send().await.status(), 200);
    }
}
