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
    pub(crate) max_tokens: Option<usize>,
}

/// One message of the conversation. The model here does not read messages, but they must be well-formed.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "role")]
    pub(crate) _role: Role,
    #[serde(rename = "content")]
    pub(crate) _content: String,
}

/// The author of a message.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    System,
    User,
    Assistant,
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
    pub(crate) fn finished(&self, reason: &str) -> Event {
        self.chunk(&json!({}), Some(reason))
    }

    /// The chunks have no event name and no id: clients of this API read `data` and nothing else.
    fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Event {
        let Self { id, created } = self;
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
        let object = "chat.completion.chunk";
        let chunk = json!({"id": id, "object": object, "created": created, "model": NAME, "choices": [choice]});
        Event::data(chunk.to_string())
    }

    /// The whole response at once.
    pub(crate) fn whole(&self, content: &str, tokens: usize, finish_reason: &str) -> Json<Value> {
        let Self { id, created } = self;
        let message = json!({"role": Role::Assistant, "content": content});
        let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
        Json(json!({
            "id": id, "object": "chat.completion", "created": created, "model": NAME, "choices": [choice],
            "usage": {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens},
        }))
    }
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
