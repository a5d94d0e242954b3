//! [`ClientAddr`], where a request comes from.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::response::refusal;

/// The address of the client that has sent a request: the peer of its connection, or the client that
/// proxies have named which [`Server::trust_proxies`](crate::Server::trust_proxies) trusts.
///
/// The port is 0 where a proxy does not tell it. There is no address over a Unix socket without such a
/// proxy, in the test kit, or under another server than touka's: then the request is answered with a
/// 500, unless the handler takes an `Option<ClientAddr>`.
///
/// ```
/// use touka::extract::ClientAddr;
/// use touka::route;
///
/// #[route(GET, "/whoami")]
/// async fn whoami(ClientAddr(address): ClientAddr) -> String {
///     address.ip().to_string()
/// }
/// ```
///
/// Middleware finds it among the extensions of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub SocketAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddr {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get().copied().ok_or_else(|| {
            tracing::error!(target: "touka::server", "a handler asks for the address of a client that has none");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer this request").into_response()
        })
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for ClientAddr {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().copied())
    }
}
