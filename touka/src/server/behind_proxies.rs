//! Methods of [`Server`] that name the reverse proxies in front of it.

use super::server::Server;
use crate::error::{Error, Result};
use crate::server::address::client_header::ClientHeader;
use crate::server::address::trusted_proxy::TrustedProxy;

/// # Behind proxies
/// Behind a reverse proxy all connections come from the proxy. Once the proxy is named here, everything that
/// concerns a client concerns the one behind the proxy: limits per peer, spans,
/// [`OpenStream::peer`](super::OpenStream::peer), [`ConnectInfo`](crate::extract::ConnectInfo).
impl Server {
    /// Names the reverse proxies that are trusted to name their clients: addresses, networks, and `unix` for
    /// all connections over a Unix socket. Calling it again adds to them.
    ///
    /// The client is read from the end of `X-Forwarded-For`: it is the last address in the header that is not a
    /// trusted proxy. Name only proxies that append to this header or set it; one that passes it on unchanged
    /// lets each client choose its own address. For proxies that name clients in another way, see
    /// [`client_header`](Self::client_header) and [`proxy_protocol`](Self::proxy_protocol). These headers are
    /// ignored in requests of other peers.
    ///
    /// A malformed header from a trusted proxy is answered with a 400. If a proxy does not name its client, or
    /// hides it, the request counts as the proxy's own.
    ///
    /// # Limits
    /// Connections of a trusted proxy count only towards the total, since many clients share them. Requests
    /// count for the client, whatever its address. Once proxies are named, all other peers count as clients,
    /// including those from loopback and private networks.
    ///
    /// ```no_run
    /// use touka::{Router, Server};
    ///
    /// # async fn run() -> touka::Result<()> {
    /// Server::new().trust_proxies(["127.0.0.1", "10.0.0.0/8"])?.serve("[::]:3000", Router::new()).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// An entry cannot be parsed: [`Error::is_proxy`]. The message says which entry and why.
    pub fn trust_proxies<P>(mut self, proxies: impl IntoIterator<Item = P>) -> Result<Self>
    where
        P: TryInto<TrustedProxy, Error: Into<Error>>,
    {
        let trusted = self.shared.proxies.trusted.get_or_insert_default();
        for proxy in proxies {
            trusted.push(proxy.try_into().map_err(Into::into)?);
        }
        Ok(self)
    }

    /// Sets the header in which trusted proxies name their client, `X-Forwarded-For` by default. No other
    /// header is read.
    ///
    /// nginx, HAProxy, Caddy and the load balancers of cloud providers set the default header. Most of them
    /// pass on a `Forwarded` header that a client has made up, so choose [`Forwarded`](ClientHeader::Forwarded)
    /// only if each trusted proxy sets that header or appends to it.
    pub const fn client_header(mut self, header: ClientHeader) -> Self {
        self.shared.proxies.header = Some(header);
        self
    }

    /// Sets whether connections of trusted proxies begin with a header of the PROXY protocol, version 1 or 2,
    /// which names the client of the whole connection; off by default. This is for proxies that forward bytes
    /// without parsing HTTP, as HAProxy does with `mode tcp` and `send-proxy-v2`.
    ///
    /// Trusted proxies must then send the header: a connection without it, or on which it does not arrive
    /// within [`head_timeout`](Self::head_timeout), is closed. From other peers the header is not accepted.
    /// TLS, if used, comes after the header.
    ///
    /// The limit of connections per peer then applies to the client. `X-Forwarded-For` was written by the
    /// client itself, and is not read unless [`client_header`](Self::client_header) was called: then it is read
    /// from clients that are trusted proxies themselves, such as a CDN in front of a load balancer.
    ///
    /// If the proxy connects for itself, or for a client without an address (`LOCAL`, `UNKNOWN`), requests
    /// count as the proxy's own, and no header that names a client is read.
    ///
    /// ```
    /// use touka::Server;
    ///
    /// # fn main() -> touka::Result<()> {
    /// let server = Server::new().trust_proxies(["10.0.0.2"])?.proxy_protocol(true);
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn proxy_protocol(mut self, on: bool) -> Self {
        self.shared.proxies.protocol = on;
        self
    }
}
