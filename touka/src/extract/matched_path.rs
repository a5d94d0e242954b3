//! [`MatchedPath`], the route that a request was found to be for.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

/// The path of the route that answers this request, as it is mounted: `/rooms/{room}`. Metrics and
/// spans have it as `route`.
///
/// Under axum's routes it is axum's matched path, with the feature `axum`. Where no route has
/// matched, say in a fallback, the request is answered with 500; take an `Option<MatchedPath>` there.
///
/// ```
/// use touka::extract::MatchedPath;
/// use touka::route;
///
/// #[route(GET, "/rooms/{room}")]
/// async fn room(room: String, path: MatchedPath) -> String {
///     format!("{room} of {path}")
/// }
/// ```
// The router leaves it in the request's extensions, and in the response's for whoever counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedPath(pub(crate) Arc<str>);

impl MatchedPath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a router has left in a request's extensions: touka's, or axum's around it.
    pub(crate) fn of(extensions: &http::Extensions) -> Option<Self> {
        extensions.get::<Self>().cloned().or_else(|| of_axum(extensions))
    }
}

#[cfg(feature = "axum")]
pub(crate) fn of_axum(extensions: &http::Extensions) -> Option<MatchedPath> {
    extensions.get::<axum::extract::MatchedPath>().map(|path| MatchedPath(path.as_str().into()))
}

#[cfg(not(feature = "axum"))]
const fn of_axum(_: &http::Extensions) -> Option<MatchedPath> {
    None
}

impl fmt::Display for MatchedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for MatchedPath {
    type Rejection = MatchedPathRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MatchedPathRejection> {
        Self::of(&parts.extensions).ok_or(MatchedPathRejection(()))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for MatchedPath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// No route has matched the request.
#[derive(Clone, Debug)]
pub struct MatchedPathRejection(());

impl fmt::Display for MatchedPathRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no route has matched this request")
    }
}

impl std::error::Error for MatchedPathRejection {}

/// 500: the handler stands where it cannot work. The reason goes to the log.
impl IntoResponse for MatchedPathRejection {
    fn into_response(self) -> Response {
        tracing::error!(target: "touka::server", error = %self, "a handler takes a `MatchedPath` and has none");
        (StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer this request\n").into_response()
    }
}
