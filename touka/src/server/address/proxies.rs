//! [`Proxies`], the reverse proxies that an operator trusts, and the client that they name.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::client_header::{ClientHeader, Hop, Malformed};
use super::peer::Peer;
use super::trusted_proxy::TrustedProxy;

/// Maximum number of hops that are read from a header. Without it, a client in a trusted network could have a
/// header of thousands of addresses parsed.
const MAX_HOPS: usize = 32;

/// The trusted proxies, and how they name their clients.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Proxies {
    /// `None` until the operator names proxies.
    pub(in crate::server) trusted: Option<Vec<TrustedProxy>>,
    pub(in crate::server) header: Option<ClientHeader>,
    pub(in crate::server) protocol: bool,
}

impl Proxies {
    /// Logs a warning for a setting that has no effect.
    pub(in crate::server) fn check(&self) {
        if self.protocol && self.trusted.as_ref().is_none_or(Vec::is_empty) {
            tracing::warn!(
                target: "touka::server",
                "`Server::proxy_protocol` has no effect: name the proxies that send it with `Server::trust_proxies`"
            );
        }
    }

    /// Whether a connection is a trusted proxy's; `None` stands for a Unix socket.
    pub(in crate::server) fn trust(&self, peer: Option<IpAddr>) -> bool {
        self.trusted.iter().flatten().any(|proxy| proxy.is(peer))
    }

    /// Whether a connection begins with a header of the PROXY protocol.
    pub(in crate::server) fn announce(&self, peer: Option<IpAddr>) -> bool {
        self.protocol && self.trust(peer)
    }

    /// Returns the header that names clients. With the PROXY protocol there is one only if the operator has
    /// chosen it.
    fn header(&self) -> Option<ClientHeader> {
        self.header.or_else(|| (!self.protocol).then(ClientHeader::default))
    }

    /// Returns the client of a request: the connection's peer, or the client that trusted proxies name.
    ///
    /// `None` stands for a Unix socket. If a proxy does not name its client, the client is the proxy.
    pub(in crate::server) fn client(
        &self,
        peer: Option<SocketAddr>,
        headers: &HeaderMap,
    ) -> Result<Option<SocketAddr>, (ClientHeader, Malformed)> {
        let ip = |peer: Option<SocketAddr>| peer.map(|peer| peer.ip());
        let mut client = peer;
        if !self.trust(ip(client)) {
            return Ok(client);
        }
        let Some(header) = self.header() else { return Ok(client) };
        for hop in header.hops(headers).take(MAX_HOPS) {
            match hop.map_err(|malformed| (header, malformed))? {
                Hop::Known(address) => client = Some(address),
                // A trusted hop over a Unix socket, such as a proxy that passes its requests on to another on
                // the same host.
                Hop::Unix if self.trust(None) => client = None,
                Hop::Unix | Hop::Hidden => break,
            }
            if !self.trust(ip(client)) {
                break;
            }
        }
        Ok(client)
    }

    /// Returns the peer that a client counts for. `None` for clients that connect for many: trusted proxies,
    /// or, if none are named, any address that is not public.
    pub(in crate::server) fn peer(&self, client: Option<SocketAddr>) -> Option<Peer> {
        let address = client?.ip().to_canonical();
        let speaks_for_many =
            if self.trusted.is_some() { self.trust(Some(address)) } else { is_loopback_or_private(address) };
        (!speaks_for_many).then(|| Peer::of(address))
    }
}

fn is_loopback_or_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn behind(trusted: &[&str]) -> Proxies {
        let trusted = trusted.iter().map(|proxy| proxy.parse().unwrap()).collect();
        Proxies { trusted: Some(trusted), ..Proxies::default() }
    }

    fn x_forwarded_for(line: &str) -> HeaderMap {
        [(ClientHeader::XForwardedFor.name(), HeaderValue::from_str(line).unwrap())].into_iter().collect()
    }

    fn client(proxies: &Proxies, peer: &str, headers: &HeaderMap) -> String {
        proxies.client(Some(peer.parse().unwrap()), headers).unwrap().unwrap().to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let proxies = behind(&["10.0.0.0/8", "2001:db8::/32"]);
        for (peer, line, is) in [
            ("10.0.0.1:80", "203.0.113.7", "203.0.113.7:0"),
            ("10.0.0.1:80", "1.2.3.4, 203.0.113.7", "203.0.113.7:0"),
            ("10.0.0.1:80", "1.2.3.4, 203.0.113.7, 10.0.0.2, 2001:db8::1", "203.0.113.7:0"),
            ("[2001:db8::9]:80", "203.0.113.7:4", "203.0.113.7:4"),
            // A client in a private network is a client.
            ("10.0.0.1:80", "192.168.0.7", "192.168.0.7:0"),
            // All hops are trusted proxies: the furthest is the client.
            ("10.0.0.1:80", "10.0.0.3, 10.0.0.2", "10.0.0.3:0"),
            ("10.0.0.1:80", "1.2.3.4, unknown", "10.0.0.1:80"),
            ("10.0.0.1:80", "1.2.3.4, unknown, 10.0.0.2", "10.0.0.2:0"),
            // Hops beyond an untrusted Unix socket are not read.
            ("10.0.0.1:80", "1.2.3.4, unix:", "10.0.0.1:80"),
            // Headers of an untrusted peer are ignored.
            ("203.0.113.9:80", "203.0.113.7", "203.0.113.9:80"),
            ("127.0.0.1:80", "203.0.113.7", "127.0.0.1:80"),
            // Elements before an untrusted address are not parsed.
            ("10.0.0.1:80", "<script>, 203.0.113.7", "203.0.113.7:0"),
        ] {
            assert_eq!(client(&proxies, peer, &x_forwarded_for(line)), is, "{peer}: {line}");
        }
        assert_eq!(client(&proxies, "10.0.0.1:80", &HeaderMap::new()), "10.0.0.1:80");
        assert!(proxies.client(Some("10.0.0.1:80".parse().unwrap()), &x_forwarded_for("x")).is_err());
    }

    #[test]
    fn only_the_header_that_was_chosen_is_read() {
        let mut headers = x_forwarded_for("203.0.113.7");
        headers.insert("forwarded", HeaderValue::from_static("for=198.51.100.1"));
        let mut proxies = behind(&["10.0.0.1", "unix"]);
        assert_eq!(client(&proxies, "10.0.0.1:80", &headers), "203.0.113.7:0");
        assert_eq!(proxies.client(None, &headers).unwrap().unwrap().to_string(), "203.0.113.7:0");
        assert_eq!(client(&proxies, "10.0.0.1:80", &x_forwarded_for("1.2.3.4, 203.0.113.7, unix:")), "203.0.113.7:0");
        assert_eq!(proxies.client(Some("10.0.0.1:80".parse().unwrap()), &x_forwarded_for("unix:")), Ok(None));
        proxies.header = Some(ClientHeader::Forwarded);
        assert_eq!(client(&proxies, "10.0.0.1:80", &headers), "198.51.100.1:0");
        // With the PROXY protocol, a client of the proxy has written both headers.
        (proxies.header, proxies.protocol) = (None, true);
        assert_eq!(client(&proxies, "10.0.0.1:80", &headers), "10.0.0.1:80");
        assert_eq!(Proxies::default().client(None, &headers), Ok(None));
    }

    #[test]
    fn a_header_that_goes_on_for_ever_is_not_read_to_its_end() {
        let line = "10.0.0.9, ".repeat(5000) + "10.0.0.1";
        assert_eq!(client(&behind(&["10.0.0.0/8"]), "10.0.0.1:80", &x_forwarded_for(&line)), "10.0.0.9:0");
    }

    #[test]
    fn a_possible_proxy_is_not_one_peer() {
        let counts = |proxies: &Proxies, address: &str| {
            proxies.peer(Some(SocketAddr::new(address.parse().unwrap(), 1))).is_some()
        };
        let unnamed = Proxies::default();
        for private in ["127.0.0.1", "::1", "10.0.0.1", "192.168.0.1", "169.254.0.1", "fd00::1", "fe80::1"] {
            assert!(!counts(&unnamed, private), "{private}");
            assert!(counts(&behind(&["10.0.0.2"]), private), "{private}");
        }
        assert!(counts(&unnamed, "203.0.113.7"));
        assert!(!counts(&behind(&["203.0.113.7"]), "203.0.113.7"));
        assert_eq!(unnamed.peer(None), None);
    }
}
