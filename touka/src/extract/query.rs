//! [`Query`], the request's query as a value.

use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::pairs;

/// The query, read into a struct.
///
/// A field takes the parameter of its name: a number, a flag, a text, an enum of unit variants, an
/// `Option` for one that may be missing, a `Vec` for one that may be repeated. Parameters that no
/// field takes are ignored.
///
/// ```
/// use serde::Deserialize;
/// use touka::extract::Query;
/// use touka::{route, sse_handler};
///
/// #[derive(Deserialize)]
/// struct Filter {
///     level: Option<u8>,
///     #[serde(default)]
///     tag: Vec<String>,
/// }
///
/// /// `/log?level=3&tag=db&tag=http`
/// #[sse_handler]
/// #[route(GET, "/log")]
/// async fn log(Query(filter): Query<Filter>) {
///     emit!(format!("level {:?}, tags {:?}", filter.level, filter.tag));
/// }
/// ```
///
/// A query that does not fit is 400, with one line that names the parameter and the reason.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = QueryError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, QueryError> {
        let query = parts.uri.query().unwrap_or_default();
        pairs::from_query(query).map(Self).map_err(|reason| QueryError { reason: reason.to_string() })
    }
}

/// A query that is not what the handler takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    reason: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query: {}", self.reason)
    }
}

impl std::error::Error for QueryError {}

/// 400 and the error's text.
impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, format!("{self}\n")).into_response()
    }
}
