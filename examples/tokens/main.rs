//! An API in the shape of `OpenAI`'s chat completions: tokens as they are made, or the response as a whole.
//!
//! ```text
//! cargo run --example tokens                          # then open http://127.0.0.1:3000
//! cargo run --example tokens -- 0.0.0.0:8080          # another address
//! cargo run --example tokens -- 127.0.0.1:3000 500    # a slower model: milliseconds for a token
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
use model::{Answer, Counts, Model, TIME_PER_TOKEN};
use touka::extract::{Json, JsonRejection, State};
use touka::{Router, route, routes, sse_handler};
use touka_examples::{Page, begin, pace, page};

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// The number of completions that the model makes now, and of those that it has finished or stopped.
#[route(GET, "/model")]
async fn counts(State(model): State<Model>) -> Json<Counts> {
    Json(model.counts())
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
    let answer = model.answer(request.max_completion_tokens).ok_or_else(ApiError::overloaded)?;
    let identity = identity();
    Ok(if request.stream {
        stream(answer, identity, request.wants_usage()).await.into_response()
    } else {
        whole(answer, identity).await.into_response()
    })
}

/// The completion token by token.
///
/// An annotated function is a function: it needs no route of its own. When the client disconnects, it is
/// dropped where it waits, and `answer` with it, which releases the model's permit.
#[sse_handler]
async fn stream(mut answer: Answer, identity: Identity, wants_usage: bool) {
    emit!(identity.opening());
    while let Some(token) = answer.next().await {
        emit!(identity.token(token));
    }
    emit!(identity.finished(answer.finish_reason()));
    if wants_usage {
        emit!(identity.usage(answer.made()));
    }
    emit!(DONE);
}

/// The completion as a whole.
async fn whole(mut answer: Answer, identity: Identity) -> impl IntoResponse {
    let mut text = String::new();
    while let Some(token) = answer.next().await {
        text.push_str(token);
    }
    identity.whole(&text, answer.made(), answer.finish_reason())
}

/// An id that no other completion of this server has.
fn identity() -> Identity {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    let number = LATEST.fetch_add(1, Ordering::Relaxed) + 1;
    let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Identity { id: format!("chatcmpl-{created:x}-{number}"), created }
}

fn app(model: Model) -> Router {
    Router::new().mount(routes![index, counts, complete]).with_state(model)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Model::load(pace(TIME_PER_TOKEN)?));
    let listener = begin("tokens", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{CAPACITY, TEXT};
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
        let model = Model::load(TIME_PER_TOKEN);
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
        assert_eq!(model.counts(), Counts { busy: 0, finished: 1, stopped: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_says_its_number_of_tokens_if_asked() {
        let more = json!({"stream": true, "max_completion_tokens": 2, "stream_options": {"include_usage": true}});
        let rest = ask(&Model::load(TIME_PER_TOKEN), &more).1.events().await.rest().await;
        let [.., finished, usage, done] = &rest[..] else { panic!("too few: {rest:?}") };
        assert_eq!(finished.json::<Value>()["choices"][0]["finish_reason"], "length");
        let usage = usage.json::<Value>();
        assert_eq!(usage["choices"], json!([]));
        assert_eq!(usage["usage"]["completion_tokens"], 2);
        assert_eq!(done.data, "[DONE]");
    }

    #[tokio::test(start_paused = true)]
    async fn without_stream_the_answer_is_one_json() {
        for more in [json!({}), json!({"stream": false})] {
            let response = ask(&Model::load(TIME_PER_TOKEN), &more).1.send().await;
            assert_eq!(response.header("content-type"), Some("application/json"));
            let answer = response.json::<Value>().await;
            assert_eq!(answer["object"], "chat.completion");
            assert_eq!(answer["choices"][0]["message"], json!({"role": "assistant", "content": TEXT}));
            assert_eq!(answer["usage"]["completion_tokens"], TEXT.split_inclusive(' ').count());
        }
        let short = ask(&Model::load(TIME_PER_TOKEN), &json!({"max_tokens": 2})).1.send().await.json::<Value>().await;
        assert_eq!(short["choices"][0]["message"]["content"], "Server-Sent Events ");
        assert_eq!(short["choices"][0]["finish_reason"], "length");
    }

    #[tokio::test(start_paused = true)]
    async fn a_disconnect_stops_the_work() {
        let model = Model::load(TIME_PER_TOKEN);
        let (app, request) = ask(&model, &json!({"stream": true}));
        let mut events = request.clone().events().await;
        for _ in 0..10 {
            events.next_json::<Value>().await;
        }
        assert_eq!(model.counts(), Counts { busy: 1, finished: 0, stopped: 0 });
        events.disconnect();
        app.assert_nothing_left().await;
        assert_eq!(model.counts(), Counts { busy: 0, finished: 0, stopped: 1 });

        // The same for a completion that is not streamed.
        let (app, request) = ask(&model, &json!({}));
        assert!(timeout(TIME_PER_TOKEN * 3, request.send()).await.is_err());
        app.assert_nothing_left().await;
        assert_eq!(model.counts(), Counts { busy: 0, finished: 0, stopped: 2 });
    }

    #[tokio::test(start_paused = true)]
    async fn messages_of_every_kind_are_accepted() {
        let messages = json!([
            {"role": "developer", "content": "Be short."},
            {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
            {"role": "assistant", "content": null, "tool_calls": []},
            {"role": "tool", "tool_call_id": "1", "content": "42"},
        ]);
        assert_eq!(ask(&Model::load(TIME_PER_TOKEN), &json!({"messages": messages})).1.send().await.status(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_request_is_a_status_and_json_that_says_why() {
        let app = TestApp::new(app(Model::load(TIME_PER_TOKEN)));
        let request = || app.post("/v1/chat/completions").header("content-type", "application/json");
        for (body, reason) in [
            (r#"{"stream": true, "messages": []}"#, "`messages` is empty"),
            (r#"{"stream": true}"#, "missing field `messages`"),
            (r#"{"stream": true, "messages": [{"role": "parrot", "content": ""}]}"#, "unknown variant `parrot`"),
            (r#"{"stream": true, "messages": [{"role": "user", "content": 1}]}"#, "neither a text nor a list of parts"),
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
        let model = Model::load(TIME_PER_TOKEN);
        let taken: Vec<Answer> = (0..CAPACITY).filter_map(|_| model.answer(None)).collect();
        let (app, request) = ask(&model, &json!({"stream": true}));
        assert_eq!(request.clone().send().await.status(), 429);
        let counts = app.get("/model").send().await.json::<Value>().await;
        assert_eq!(counts, json!({"busy": 4, "finished": 0, "stopped": 0}));
        drop(taken);
        sleep(TIME_PER_TOKEN).await;
        assert_eq!(request.send().await.status(), 200);
    }
}
