//! [`ConnectInfo`], the address of the client that sent a request.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::response::{FAILED, refusal};

/// The address of the client that sent this request: the same that limits, logs and
/// [`OpenStream::peer`](crate::server::OpenStream::peer) use.
///
/// It is the peer of the connection, or the client that a proxy has named if
/// [`Server::trust_proxies`](crate::Server::trust_proxies) trusts the proxy. The port is 0 if the proxy does not
/// name it. Under axum's own server it is the address of `into_make_service_with_connect_info`, with the feature
/// `axum`.
///
/// A client of a Unix socket without such a proxy has no address and is answered with 500; take an
/// `Option<ConnectInfo>` if there can be such clients.
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

/// The address that touka's server puts into the extensions of each request. `None` for a Unix socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) Option<SocketAddr>);

/// The client's address, if the server has put one into the extensions.
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

/// The answer where the client has no address, or the server does not provide it: 500.
///
/// ```
/// use touka::extract::{ConnectInfo, FromRequestParts};
/// use touka::http::{Request, StatusCode};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // No server has put an address into this request.
/// let (mut parts, ()) = Request::new(()).into_parts();
/// let error = ConnectInfo::from_request_parts(&mut parts, &()).await.unwrap_err();
/// assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct ConnectInfoRejection(());

impl ConnectInfoRejection {
    /// The status of the response: 500.
    pub const fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// The text of the response, without the line end. The reason is not for the client and goes to the log.
    pub fn body_text(&self) -> String {
        FAILED.to_owned()
    }
}

impl fmt::Display for ConnectInfoRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has no address, or the server does not provide it")
    }
}

impl std::error::Error for ConnectInfoRejection {}

/// 500, because the handler is served where it cannot work. The reason goes to the log.
impl IntoResponse for ConnectInfoRejection {
    fn into_response(self) -> Response {
        tracing::error!(target: "touka::server", error = %self, "a handler takes a `ConnectInfo` and has none");
        refusal(self.status(), FAILED)
    }
}
