//! [`Json`], a request's body or a response's as JSON.

use std::fmt;

use axum_core::extract::{FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// JSON: as a parameter the request's body, as a return value the response's.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use touka::extract::Json;
/// use touka::route;
///
/// #[derive(Deserialize)]
/// struct Question {
///     text: String,
/// }
///
/// #[derive(Serialize)]
/// struct Answer {
///     length: usize,
/// }
///
/// #[route(POST, "/ask")]
/// async fn ask(Json(question): Json<Question>) -> Json<Answer> {
///     Json(Answer { length: question.text.len() })
/// }
/// ```
///
/// A body that is not announced as JSON is 415, one that is none or does not fit is 400, one that
/// is too large is 413 (2 MiB, unless an axum `DefaultBodyLimit` says otherwise): each with one
/// line that says why.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = JsonError;

    async fn from_request(request: Request, state: &S) -> Result<Self, JsonError> {
        if !is_json(request.headers()) {
            let reason = "the body must be announced with `content-type: application/json`";
            return Err(JsonError::Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason.to_owned()));
        }
        let body =
            Bytes::from_request(request, state).await.map_err(|refused| JsonError::Body(refused.into_response()))?;
        let value = serde_json::from_slice(&body);
        value.map(Self).map_err(|error| JsonError::Refused(StatusCode::BAD_REQUEST, format!("the body: {error}")))
    }
}

/// `application/json`, and types such as `application/problem+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Status 200 and the value; a value that cannot be written is a 500 whose reason is in the log.
impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response(),
            Err(error) => Error::serialize(error).into_response(),
        }
    }
}

/// Why a request's body was not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// The status and the reason.
    Refused(StatusCode, String),
    /// The body could not be read; this is the answer to it.
    Body(Response),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_, reason) => f.write_str(reason),
            Self::Body(_) => f.write_str("the body could not be read"),
        }
    }
}

impl std::error::Error for JsonError {}

/// The status and the reason in one line.
impl IntoResponse for JsonError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(status, reason) => (status, format!("{reason}\n")).into_response(),
            Self::Body(response) => response,
        }
    }
}
