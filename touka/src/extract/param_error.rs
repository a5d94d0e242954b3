//! [`ParamError`], why a parameter of a request is not what the handler takes.

use std::any::type_name;
use std::fmt;
use std::str::FromStr;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

/// A parameter of the path or of the query that is not what the handler takes.
///
/// Its text names the place, the parameter and the reason, as in ``query parameter `since`: it is
/// missing``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamError {
    place: Place,
    name: String,
    reason: String,
}

/// Where in a request a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

impl ParamError {
    pub(super) fn new(place: Place, name: &str, reason: impl Into<String>) -> Self {
        Self { place, name: name.to_owned(), reason: reason.into() }
    }

    /// Makes a value of a parameter's text.
    pub(super) fn parse<T>(place: Place, name: &str, text: &str) -> Result<T, Self>
    where
        T: FromStr<Err: fmt::Display>,
    {
        text.parse().map_err(|reason| {
            let what = type_name::<T>().rsplit("::").next().unwrap_or_default();
            Self::new(place, name, format!("{text:?} is not a valid {what}: {reason}"))
        })
    }

    /// The name of the parameter.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Path => "path",
            Place::Query => "query",
        };
        write!(f, "{place} parameter `{}`: {}", self.name, self.reason)
    }
}

impl std::error::Error for ParamError {}

/// 400 and the error's text.
impl IntoResponse for ParamError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, format!("{self}\n")).into_response()
    }
}
