//! [`Query`], the query of a request as one value.

use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::pairs::{self, Fault, FaultKind};
use crate::response::refusal;

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
/// A query that does not fit is answered with 400 and one line that names the parameter and the reason.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = QueryRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, QueryRejection> {
        let query = parts.uri.query().unwrap_or_default();
        pairs::from_query(query).map(Self).map_err(QueryRejection)
    }
}

/// The answer to a query that is not what the handler takes: 400.
///
/// Its text names the parameter and the reason, as in ``query: missing field `room` ``.
///
/// ```
/// use serde::Deserialize;
/// use touka::extract::{Query, QueryRejection};
/// use touka::route;
///
/// #[derive(Deserialize)]
/// struct Page {
///     number: u32,
/// }
///
/// /// Shows the first page if the query names none.
/// #[route(GET, "/news")]
/// async fn news(page: Result<Query<Page>, QueryRejection>) -> Result<String, QueryRejection> {
///     let number = match page {
///         Ok(Query(page)) => page.number,
///         Err(error) if error.is_missing() => 1,
///         Err(error) => return Err(error),
///     };
///     Ok(format!("page {number}"))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryRejection(Fault);

impl QueryRejection {
    /// Whether a parameter is missing.
    pub fn is_missing(&self) -> bool {
        self.0.kind == FaultKind::Missing
    }

    /// Whether a parameter is given more than once, and its field takes one.
    pub fn is_repeated(&self) -> bool {
        self.0.kind == FaultKind::Repeated
    }

    /// Whether the text of a parameter is not a value of its field's type.
    pub fn is_invalid(&self) -> bool {
        self.0.kind == FaultKind::Invalid
    }

    /// The status of the response: 400.
    pub const fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    /// The text of the response, without the line end.
    pub fn body_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for QueryRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query: {}", self.0)
    }
}

impl std::error::Error for QueryRejection {}

/// [`status`](QueryRejection::status) and [`body_text`](QueryRejection::body_text).
impl IntoResponse for QueryRejection {
    fn into_response(self) -> Response {
        refusal(self.status(), &self.body_text())
    }
}
