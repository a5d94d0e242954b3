//! [`Json`] as a parameter of a handler: the body of a request.

use std::fmt;

use axum_core::extract::rejection::BytesRejection;
use axum_core::extract::{FromRequest, Request};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;

pub use crate::response::Json;
use crate::response::refusal;

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = JsonRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, JsonRejection> {
        if !is_json(request.headers()) {
            return Err(JsonRejection(Kind::ContentType));
        }
        let body = Bytes::from_request(request, state).await.map_err(|error| JsonRejection(Kind::Body(error)))?;
        serde_json::from_slice(&body).map(Self).map_err(|error| JsonRejection(Kind::Json(error)))
    }
}

/// Whether the body is `application/json`, or of a type such as `application/problem+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The answer to a body that is not what the handler takes.
///
/// ```
/// use touka::extract::{Json, JsonRejection};
/// use touka::response::StatusCode;
/// use touka::route;
///
/// /// Answers with a text of its own.
/// #[route(POST, "/orders")]
/// async fn order(order: Result<Json<u32>, JsonRejection>) -> (StatusCode, String) {
///     match order {
///         Ok(Json(number)) => (StatusCode::CREATED, format!("order {number}")),
///         Err(error) if error.is_data() => (StatusCode::BAD_REQUEST, "an order is a number".into()),
///         Err(error) => (error.status(), error.body_text()),
///     }
/// }
/// # use touka::{body::Body, extract::FromRequest, http::Request};
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let request = Request::post("/").header("content-type", "application/json").body(Body::from("true")).unwrap();
/// # let error = Json::<u32>::from_request(request, &()).await.unwrap_err();
/// # assert!(error.is_data() && !error.is_syntax());
/// # assert_eq!(order(Err(error)).await.1, "an order is a number");
/// # });
/// ```
#[derive(Debug)]
pub struct JsonRejection(Kind);

#[derive(Debug)]
enum Kind {
    ContentType,
    Json(serde_json::Error),
    Body(BytesRejection),
}

impl JsonRejection {
    /// Whether the request's `content-type` is not JSON.
    pub const fn is_content_type(&self) -> bool {
        matches!(self.0, Kind::ContentType)
    }

    /// Whether the body is not JSON.
    pub fn is_syntax(&self) -> bool {
        matches!(&self.0, Kind::Json(error) if !error.is_data())
    }

    /// Whether the body is JSON but not a value of the handler's type.
    pub fn is_data(&self) -> bool {
        matches!(&self.0, Kind::Json(error) if error.is_data())
    }

    /// Whether the body is longer than the limit.
    pub fn is_too_large(&self) -> bool {
        self.status() == StatusCode::PAYLOAD_TOO_LARGE
    }

    /// Whether the body could not be read to its end, and not because it is too long.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.0, Kind::Body(_)) && !self.is_too_large()
    }

    /// The status of the response: 415 for the content type, 413 for a body that is too long, 400 for any other.
    pub fn status(&self) -> StatusCode {
        match &self.0 {
            Kind::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Json(_) => StatusCode::BAD_REQUEST,
            Kind::Body(error) => error.status(),
        }
    }

    /// The text of the response, without the line end.
    pub fn body_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for JsonRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::ContentType => f.write_str("the body must be announced with `content-type: application/json`"),
            Kind::Json(error) => write!(f, "the body: {error}"),
            Kind::Body(error) => f.write_str(&error.body_text()),
        }
    }
}

impl std::error::Error for JsonRejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::ContentType => None,
            Kind::Json(error) => Some(error),
            Kind::Body(error) => Some(error),
        }
    }
}

/// [`status`](JsonRejection::status) and [`body_text`](JsonRejection::body_text).
impl IntoResponse for JsonRejection {
    fn into_response(self) -> Response {
        refusal(self.status(), &self.body_text())
    }
}
