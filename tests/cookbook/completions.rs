use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};
use touka::extract::{Json, JsonRejection};
use touka::response::{IntoResponse, Response, StatusCode};
use touka::{Event, EventStream, Router, route, routes, sse_handler};

/// The body of a request. Unknown fields are ignored, as clients of this API expect.
#[derive(Deserialize)]
struct Request {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: StreamOptions,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[route(POST, "/v1/chat/completions")]
async fn complete(body: Result<Json<Request>, JsonRejection>) -> Result<Response, ApiError> {
    let Json(request) = body?;
    let Some(last) = request.messages.last() else {
        return Err(ApiError { status: StatusCode::BAD_REQUEST, message: "`messages` is empty".to_owned() });
    };
    let tokens = Tokens::answer(&last.content);
    let completion = Completion::new(request.model);
    if request.stream {
        let usage = request.stream_options.include_usage;
        return Ok(stream(completion, tokens, usage).await?.into_response());
    }
    Ok(Json(whole(completion, tokens).await?).into_response())
}

/// The chunks of a completion. An error of the first token is the status of the response, because no event was emitted
/// yet. A later one is the last event, which `ApiError::event` makes. The body is dropped when the client leaves.
#[sse_handler(on_error = ApiError::event)]
async fn stream(completion: Completion, mut tokens: Tokens, usage: bool) -> Result<EventStream, ApiError> {
    let mut count = 0;
    while let Some(token) = tokens.next().await? {
        if count == 0 {
            emit!(completion.chunk(&json!({"role": "assistant", "content": ""}), None));
        }
        emit!(completion.chunk(&json!({ "content": token }), None));
        count += 1;
    }
    emit!(completion.chunk(&json!({}), Some("stop")));
    if usage {
        let usage = json!({"prompt_tokens": 0, "completion_tokens": count, "total_tokens": count});
        emit!(completion.event("chat.completion.chunk", &json!([]), &usage).to_string());
    }
    emit!("[DONE]");
}

/// The completion as one JSON.
async fn whole(completion: Completion, mut tokens: Tokens) -> Result<Value, ApiError> {
    let (mut text, mut count) = (String::new(), 0);
    while let Some(token) = tokens.next().await? {
        text.push_str(&token);
        count += 1;
    }
    let message = json!({"role": "assistant", "content": text});
    let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
    let usage = json!({"prompt_tokens": 0, "completion_tokens": count, "total_tokens": count});
    Ok(completion.event("chat.completion", &choices, &usage))
}

/// The fields that all parts of a completion share.
struct Completion {
    id: String,
    model: String,
    created: u64,
}

impl Completion {
    fn new(model: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { id: format!("chatcmpl-{:x}", now.as_nanos()), model, created: now.as_secs() }
    }

    fn event(&self, object: &str, choices: &Value, usage: &Value) -> Value {
        let Self { id, model, created } = self;
        json!({"id": id, "object": object, "created": created, "model": model, "choices": choices, "usage": usage})
    }

    /// A chunk has no event name and no id: clients of this API read the data and nothing else.
    fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> String {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish_reason}]);
        self.event("chat.completion.chunk", &choices, &Value::Null).to_string()
    }
}

struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    fn body(&self) -> Value {
        let kind = if self.status.is_client_error() { "invalid_request_error" } else { "server_error" };
        json!({"error": {"message": self.message, "type": kind, "param": null, "code": null}})
    }

    fn event(self) -> Event {
        Event::data(self.body().to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

/// touka answers an invalid body with plain text. Clients of this API read JSON.
impl From<JsonRejection> for ApiError {
    fn from(error: JsonRejection) -> Self {
        Self { status: error.status(), message: error.to_string() }
    }
}

/// In place of a model: the words of the question, and an error at the word `fail`.
struct Tokens(VecDeque<String>);

impl Tokens {
    fn answer(question: &str) -> Self {
        Self(question.split_inclusive(' ').map(str::to_owned).collect())
    }

    async fn next(&mut self) -> Result<Option<String>, ApiError> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match self.0.pop_front() {
            Some(word) if word == "fail" => {
                Err(ApiError { status: StatusCode::SERVICE_UNAVAILABLE, message: "the model is down".to_owned() })
            }
            word => Ok(word),
        }
    }
}

pub(crate) fn app() -> Router {
    Router::new().mount(routes![complete])
}
