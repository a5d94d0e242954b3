//! [`ParamRejection`], a parameter that is not what the handler takes.

use std::any::type_name;
use std::fmt;
use std::str::FromStr;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

use crate::response::refusal;

/// The answer to a parameter of the path or of the query that is not what the handler takes: 400.
///
/// Its text names the place, the parameter and the reason, as in ``query parameter `since`: it is
/// missing``.
///
/// ```
/// use touka::extract::QueryParams;
/// use touka::http::Request;
///
/// let (parts, ()) = Request::get("/log?level=high").body(()).unwrap().into_parts();
/// let query = QueryParams::from_parts(&parts);
/// let error = query.parse::<u8>("level").unwrap_err();
/// assert!(error.is_query() && error.is_invalid());
/// assert_eq!(error.to_string(), r#"query parameter `level`: "high" is not a valid u8: invalid digit found in string"#);
/// assert!(query.parse::<u64>("since").unwrap_err().is_missing());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamRejection {
    place: Place,
    kind: Kind,
    name: String,
    reason: String,
}

/// The part of a request that has the parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Repeated,
    NotUtf8,
    Invalid,
}

impl ParamRejection {
    fn new(place: Place, kind: Kind, name: &str, reason: impl Into<String>) -> Self {
        Self { place, kind, name: name.to_owned(), reason: reason.into() }
    }

    pub(super) fn missing(place: Place, name: &str) -> Self {
        let reason = match place {
            Place::Path => "the path has no such parameter",
            Place::Query => "it is missing",
        };
        Self::new(place, Kind::Missing, name, reason)
    }

    pub(super) fn repeated(place: Place, name: &str, times: usize) -> Self {
        Self::new(place, Kind::Repeated, name, format!("it is given {times} times"))
    }

    pub(super) fn not_utf8(place: Place, name: &str) -> Self {
        Self::new(place, Kind::NotUtf8, name, "it is not UTF-8")
    }

    /// Parses the text of a parameter.
    pub(super) fn parse<T>(place: Place, name: &str, text: &str) -> Result<T, Self>
    where
        T: FromStr<Err: fmt::Display>,
    {
        text.parse().map_err(|reason| {
            let expected = type_name::<T>().rsplit("::").next().unwrap_or_default();
            Self::new(place, Kind::Invalid, name, format!("{text:?} is not a valid {expected}: {reason}"))
        })
    }

    /// The name of the parameter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the parameter is one of the path.
    pub fn is_path(&self) -> bool {
        self.place == Place::Path
    }

    /// Whether the parameter is one of the query.
    pub fn is_query(&self) -> bool {
        self.place == Place::Query
    }

    /// Whether the request has no such parameter.
    pub fn is_missing(&self) -> bool {
        self.kind == Kind::Missing
    }

    /// Whether the query has the parameter more than once, and the handler takes one.
    pub fn is_repeated(&self) -> bool {
        self.kind == Kind::Repeated
    }

    /// Whether the decoded text is not UTF-8.
    pub fn is_not_utf8(&self) -> bool {
        self.kind == Kind::NotUtf8
    }

    /// Whether the text is not a value of the handler's type.
    pub fn is_invalid(&self) -> bool {
        self.kind == Kind::Invalid
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

impl fmt::Display for ParamRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Path => "path",
            Place::Query => "query",
        };
        write!(f, "{place} parameter `{}`: {}", self.name, self.reason)
    }
}

impl std::error::Error for ParamRejection {}

/// [`status`](ParamRejection::status) and [`body_text`](ParamRejection::body_text).
impl IntoResponse for ParamRejection {
    fn into_response(self) -> Response {
        refusal(self.status(), &self.body_text())
    }
}
