//! [`MatchedPath`], the path of the route that matched a request.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::response::{FAILED, StreamExtension, refusal};

/// The path of the route that answers this request, with the prefixes it is nested under: `/rooms/{room}`. Metrics
/// and spans have it as `route`.
///
/// In a route of axum it is axum's matched path, with the feature `axum`. Where no route has
/// matched, as in a fallback, the request is answered with 500; take an `Option<MatchedPath>` there.
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
// The router puts it into the extensions of the request, and into those of the response for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedPath(pub(crate) Arc<str>);

impl MatchedPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Records the path of a response for metrics and spans, and for its stream if it is one.
    pub(crate) fn record(self, extensions: &mut http::Extensions) {
        if let Some(link) = StreamExtension::link_of(extensions) {
            link.set_route(&self.0);
        }
        extensions.insert(self);
    }

    /// Records the path, unless a router further inside has recorded its own.
    pub(crate) fn record_outer(self, extensions: &mut http::Extensions) {
        if extensions.get::<Self>().is_none() {
            self.record(extensions);
        }
    }

    /// The path that a router has put into a request's extensions: touka's, or axum's around it.
    pub(crate) fn from_extensions(extensions: &http::Extensions) -> Option<Self> {
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
        Self::from_extensions(&parts.extensions).ok_or(MatchedPathRejection(()))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for MatchedPath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::from_extensions(&parts.extensions))
    }
}

/// The answer where no route has matched the request: 500.
///
/// ```
/// use touka::extract::{FromRequestParts, MatchedPath};
/// use touka::http::{Request, StatusCode};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // No router has matched this request.
/// let (mut parts, ()) = Request::new(()).into_parts();
/// let error = MatchedPath::from_request_parts(&mut parts, &()).await.unwrap_err();
/// assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct MatchedPathRejection(());

impl MatchedPathRejection {
    /// The status of the response: 500.
    pub const fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// The text of the response, without the line end. The reason is not for the client and goes to the log.
    pub fn body_text(&self) -> String {
        FAILED.to_owned()
    }
}

impl fmt::Display for MatchedPathRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no route has matched this request")
    }
}

impl std::error::Error for MatchedPathRejection {}

/// 500, because the handler is mounted where it cannot work. The reason goes to the log.
impl IntoResponse for MatchedPathRejection {
    fn into_response(self) -> Response {
        tracing::error!(target: "touka::server", error = %self, "a handler takes a `MatchedPath` and has none");
        refusal(self.status(), FAILED)
    }
}
