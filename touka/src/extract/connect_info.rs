//! [`ConnectInfo`], where a request comes from.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

/// The address of the client that sent this request: the one that limits, logs and
/// [`OpenStream::peer`](crate::server::OpenStream::peer) speak of. It is the peer of the connection, or
/// the client that proxies have named which [`Server::trust_proxies`](crate::Server::trust_proxies)
/// trusts; then its port is 0 where they do not tell it. Under axum's own server it is what
/// `into_make_service_with_connect_info` has said, with the feature `axum`.
///
/// A client of a Unix socket without such a proxy has none, and is answered with 500; take an
/// `Option<ConnectInfo>` where there can be such.
///
/// ```
/// use touka::extract::ConnectInfo;
/// use touka::route;
///
/// #[route(GET, "/whoami")]
/// async fn whoami(ConnectInfo(peer): ConnectInfo) -> String {
///     format!("{}", peer.ip())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectInfo(pub SocketAddr);

/// What touka's server leaves in the extensions of each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) Option<SocketAddr>);

/// Where a request comes from, as far as its server has said.
pub(crate) fn peer(extensions: &http::Extensions) -> Option<SocketAddr> {
    extensions.get::<Peer>().map_or_else(|| of_axum(extensions), |peer| peer.0)
}

#[cfg(feature = "axum")]
fn of_axum(extensions: &http::Extensions) -> Option<SocketAddr> {
    extensions.get::<axum::extract::ConnectInfo<SocketAddr>>().map(|peer| peer.0)
}

#[cfg(not(feature = "axum"))]
const fn of_axum(_: &http::Extensions) -> Option<SocketAddr> {
    None
}

impl<S: Send + Sync> FromRequestParts<S> for ConnectInfo {
    type Rejection = ConnectInfoRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ConnectInfoRejection> {
        peer(&parts.extensions).map(Self).ok_or(ConnectInfoRejection(()))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for ConnectInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(peer(&parts.extensions).map(Self))
    }
}

/// The client has no address, or the server does not tell it.
#[derive(Clone, Debug)]
pub struct ConnectInfoRejection(());

impl fmt::Display for ConnectInfoRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has no address, or the server does not tell it")
    }
}

impl std::error::Error for ConnectInfoRejection {}

/// 500: the handler stands where it cannot work. The reason goes to the log.
impl IntoResponse for ConnectInfoRejection {
    fn into_response(self) -> Response {
        tracing::error!(target: "touka::server", error = %self, "a handler takes a `ConnectInfo` and has none");
        (StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer this request\n").into_response()
    }
}
