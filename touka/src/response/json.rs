//! [`Json`], a value as JSON.

use axum_core::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::error::Error;

/// JSON: as a parameter the body of the request, as a return value the body of the response.
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
/// A request whose content type is not JSON is answered with 415, one whose body is no JSON or does not fit with
/// 400, one whose body is too long with 413 (2 MiB, unless an axum `DefaultBodyLimit` says otherwise): each with one
/// line that says why, which is [`JsonRejection`](crate::extract::JsonRejection).
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

/// Status 200 and the value. A value that cannot be serialized is a 500 whose reason is in the log.
impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response(),
            Err(error) => Error::serialize(error).into_response(),
        }
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}
