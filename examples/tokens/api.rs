//! The types of the API: requests and responses. They are those of `OpenAI`'s chat completions, so that
//! existing clients work unchanged.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use touka::Event;
use touka::extract::{Json, JsonRejection};

use crate::model::NAME;

/// The body of a request. Unknown fields are ignored, as clients of this API expect.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) messages: Vec<Message>,
    #[serde(default)]
    pub(crate) stream: bool,
    #[serde(default)]
    pub(crate) stream_options: Option<StreamOptions>,
    /// The older name is `max_tokens`, which clients still send.
    #[serde(alias = "max_tokens")]
    pub(crate) max_completion_tokens: Option<usize>,
}

impl Request {
    /// Whether the stream is to have a chunk with the number of tokens.
    pub(crate) fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }
}

/// The options of a streamed completion.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    pub(crate) include_usage: bool,
}

/// One message of the conversation. The model here does not read messages, but they must be well-formed.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "role")]
    pub(crate) _role: Role,
    /// `None` for an assistant that only calls tools.
    #[serde(rename = "content")]
    pub(crate) _content: Option<Content>,
}

/// The author of a message.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Developer,
    System,
    User,
    Assistant,
    Tool,
}

/// The content of a message: one text, or parts of several types.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`content` is neither a text nor a list of parts")]
pub(crate) enum Content {
    Text(#[expect(dead_code, reason = "the model does not read messages")] String),
    Parts(#[expect(dead_code, reason = "the model does not read messages")] Vec<Value>),
}

/// Identifies a completion: the same in all its chunks.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: String,
    /// Unix time, in seconds.
    pub(crate) created: u64,
}

impl Identity {
    /// The chunk that opens the response, with its role.
    pub(crate) fn opening(&self) -> Event {
        self.chunk(&json!({"role": Role::Assistant, "content": ""}), None)
    }

    /// One token.
    pub(crate) fn token(&self, content: &str) -> Event {
        self.chunk(&json!({ "content": content }), None)
    }

    /// The last chunk, with the reason of the end.
    pub(crate) fn finished(&self, reason: Option<&str>) -> Event {
        self.chunk(&json!({}), reason)
    }

    /// The chunk after the last one, with the number of tokens, for a client that asked for it.
    pub(crate) fn usage(&self, tokens: usize) -> Event {
        Event::data(self.chunk_of(&json!([]), &usage(tokens)).to_string())
    }

    /// The chunks have no event name and no id: clients of this API read `data` and nothing else.
    fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Event {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
        Event::data(self.chunk_of(&json!([choice]), &Value::Null).to_string())
    }

    fn chunk_of(&self, choices: &Value, usage: &Value) -> Value {
        let Self { id, created } = self;
        json!({
            "id": id, "object": "chat.completion.chunk", "created": created, "model": NAME, "choices": choices,
            "usage": usage,
        })
    }

    /// The whole response at once.
    pub(crate) fn whole(&self, content: &str, tokens: usize, finish_reason: Option<&str>) -> Json<Value> {
        let Self { id, created } = self;
        let message = json!({"role": Role::Assistant, "content": content});
        let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
        Json(json!({
            "id": id, "object": "chat.completion", "created": created, "model": NAME, "choices": [choice],
            "usage": usage(tokens),
        }))
    }
}

/// The number of tokens of a completion. The model here does not read the prompt.
fn usage(tokens: usize) -> Value {
    json!({"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens})
}

/// The last event of every stream of this API. Not JSON, so that it cannot be taken for a chunk.
pub(crate) const DONE: Event = Event::from_static("[DONE]");

/// A response that is neither a stream nor a completion: a status, and JSON with the reason.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "invalid_request_error", message: message.into() }
    }

    pub(crate) fn overloaded() -> Self {
        let message = "all places are taken: try again in a few seconds".to_owned();
        Self { status: StatusCode::TOO_MANY_REQUESTS, kind: "rate_limit_error", message }
    }
}

/// The error for an invalid body. touka would respond with plain text; clients of this API read JSON.
impl From<JsonRejection> for ApiError {
    fn from(error: JsonRejection) -> Self {
        let message = error.to_string();
        Self { status: error.status(), ..Self::invalid(message) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = json!({"message": self.message, "type": self.kind, "param": null, "code": null});
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}
