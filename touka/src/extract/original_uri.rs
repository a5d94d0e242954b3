//! [`OriginalUri`], the URI of a request before routers have removed prefixes.

use std::convert::Infallible;

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, Uri};

/// The URI of the request as the client has sent it.
///
/// In a router that is nested under a prefix, [`Uri`] is without that prefix:
/// [`Router::nest`](crate::Router::nest). In a router that axum nests, the feature `axum` is needed.
///
/// ```
/// use touka::extract::OriginalUri;
/// use touka::http::Uri;
/// use touka::{Router, route, routes};
///
/// /// Answers `/api/where` with `/where of /api/where`.
/// #[route(GET, "/where")]
/// async fn whereabouts(uri: Uri, OriginalUri(original): OriginalUri) -> String {
///     format!("{uri} of {original}")
/// }
///
/// let app: Router = Router::new().nest("/api", routes![whereabouts]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalUri(pub Uri);

impl OriginalUri {
    /// The URI that a router has kept in the extensions, or else the request's own.
    pub(crate) fn of(extensions: &Extensions, uri: &Uri) -> Self {
        let kept = extensions.get::<Self>().cloned().or_else(|| of_axum(extensions));
        kept.unwrap_or_else(|| Self(uri.clone()))
    }
}

#[cfg(feature = "axum")]
fn of_axum(extensions: &Extensions) -> Option<OriginalUri> {
    extensions.get::<axum::extract::OriginalUri>().map(|uri| OriginalUri(uri.0.clone()))
}

#[cfg(not(feature = "axum"))]
const fn of_axum(_: &Extensions) -> Option<OriginalUri> {
    None
}

impl<S: Send + Sync> FromRequestParts<S> for OriginalUri {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.uri))
    }
}
