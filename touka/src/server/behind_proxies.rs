//! How a [`Server`] is told of the reverse proxies before it.

use super::server::Server;
use crate::error::{Error, Result};
use crate::server::address::client_header::ClientHeader;
use crate::server::address::trusted_proxy::TrustedProxy;

/// # Behind proxies
/// Behind a reverse proxy all connections come from the proxy. Name it here, and everything that is
/// about a client is about the one behind it: limits of a peer, spans,
/// [`OpenStream::peer`](super::OpenStream::peer), [`ConnectInfo`](crate::extract::ConnectInfo).
impl Server {
    /// Names the reverse proxies whose word is taken for who their client is: addresses, networks, and
    /// `unix` for all that comes over a Unix socket. Called again, it adds to them.
    ///
    /// What they say is read from `X-Forwarded-For`, from its end: the client is the last address in
    /// it that is no trusted proxy. Name only proxies that append to this header or set it; one that
    /// passes it on as it came lets each client choose its own address.
    /// [`client_header`](Self::client_header) and [`proxy_protocol`](Self::proxy_protocol) are for
    /// proxies that say it otherwise. Of all others, headers change nothing.
    ///
    /// A header from a trusted proxy that cannot be read is answered with a 400. Where a proxy says
    /// nothing of its client, or hides it, the request is the proxy's own.
    ///
    /// # Limits
    /// The connections of a trusted proxy are counted in all only: many clients share them. Requests
    /// are counted for the client, whatever address it has. Once proxies are named, all other peers
    /// count as clients, those from loopback and private networks too.
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
    /// An entry cannot be read: [`Error::is_proxy`]. The message says which one and why.
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

    /// Sets in which header trusted proxies name their client: `X-Forwarded-For` by default. No other
    /// header is read.
    ///
    /// The default is the header that nginx, HAProxy, Caddy and the balancers of clouds set. Most of
    /// them pass on a `Forwarded` that a client has made up, so choose
    /// [`Forwarded`](ClientHeader::Forwarded) only if each trusted proxy sets or appends to it.
    pub const fn client_header(mut self, header: ClientHeader) -> Self {
        self.shared.proxies.header = Some(header);
        self
    }

    /// Sets whether connections of trusted proxies begin with a header of the PROXY protocol, version
    /// 1 or 2, which names the client of the whole connection; off by default. It is for proxies that
    /// pass bytes on without looking at HTTP, as HAProxy does with `mode tcp` and `send-proxy-v2`.
    ///
    /// A trusted proxy must then send it: a connection of one that does not, or not within
    /// [`head_timeout`](Self::head_timeout), is closed. From any other peer it is not taken. TLS, if
    /// there is any, comes after it.
    ///
    /// The limit of connections per peer is then the client's. `X-Forwarded-For` is what the client
    /// itself has written, and is not read unless [`client_header`](Self::client_header) was called:
    /// then it is read of clients that are trusted proxies themselves, such as a CDN behind a balancer.
    ///
    /// Where the proxy speaks for itself, or for a client without an address (`LOCAL`, `UNKNOWN`), the
    /// requests are the proxy's own, and no header of theirs is read.
    pub const fn proxy_protocol(mut self, on: bool) -> Self {
        self.shared.proxies.protocol = on;
        self
    }
}
