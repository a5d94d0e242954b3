//! [`Redirect`], a response that sends the client to another URI.

use axum_core::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use super::refusal::{FAILED, refusal};

/// A response that sends the client to another URI.
///
/// An `EventSource` follows redirects, for its first request as for each reconnection.
///
/// ```
/// use touka::response::Redirect;
/// use touka::route;
///
/// #[route(POST, "/rooms")]
/// async fn create() -> Redirect {
///     Redirect::to("/rooms/7")
/// }
/// ```
///
/// A URI that cannot be a header's value is a 500.
#[derive(Clone, Debug)]
pub struct Redirect {
    status: StatusCode,
    location: Option<HeaderValue>,
}

impl Redirect {
    /// 303: the client gets the URI with GET, whatever its method was.
    pub fn to(uri: &str) -> Self {
        Self::new(StatusCode::SEE_OTHER, uri)
    }

    /// 307: the client repeats its request at the URI, and asks here the next time.
    pub fn temporary(uri: &str) -> Self {
        Self::new(StatusCode::TEMPORARY_REDIRECT, uri)
    }

    /// 308: the client repeats its request at the URI, and goes there directly the next time.
    pub fn permanent(uri: &str) -> Self {
        Self::new(StatusCode::PERMANENT_REDIRECT, uri)
    }

    fn new(status: StatusCode, uri: &str) -> Self {
        Self { status, location: HeaderValue::try_from(uri).ok() }
    }
}

impl IntoResponse for Redirect {
    fn into_response(self) -> Response {
        if let Some(location) = self.location {
            return (self.status, [(LOCATION, location)]).into_response();
        }
        tracing::error!(target: "touka::server", "the URI of a redirect cannot be a header's value");
        refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
    }
}
