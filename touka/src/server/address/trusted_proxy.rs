//! [`TrustedProxy`], an address that reverse proxies connect from.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::Error;

/// An address, a network or the Unix sockets that reverse proxies connect from, for
/// [`Server::trust_proxies`](crate::server::Server::trust_proxies).
///
/// Parsed from text: `127.0.0.1`, `10.0.0.0/8`, `::1`, `2001:db8::/32`, or `unix` for all connections over a
/// Unix socket. An [`IpAddr`] converts into one.
///
/// ```
/// use touka::server::TrustedProxy;
///
/// let network: TrustedProxy = "10.0.0.0/8".parse()?;
/// assert_eq!(network.to_string(), "10.0.0.0/8");
/// let mistake = "10.0.0.1/8".parse::<TrustedProxy>().unwrap_err();
/// assert!(mistake.is_proxy());
/// assert!(mistake.to_string().ends_with("write 10.0.0.0/8"));
/// # touka::Result::<()>::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrustedProxy(Inner);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Inner {
    /// Invariant: the bits after the first `length` are zero.
    V4 {
        bits: u32,
        length: u32,
    },
    V6 {
        bits: u128,
        length: u32,
    },
    Unix,
}

/// Length of the prefix that maps IPv4 addresses into IPv6: `::ffff:0:0/96`.
const MAPPED: u32 = 96;

impl TrustedProxy {
    /// Whether a connection from this address is the proxy's; `None` stands for a Unix socket.
    pub(in crate::server) fn is(&self, peer: Option<IpAddr>) -> bool {
        match (self.0, peer.map(|peer| peer.to_canonical())) {
            (Inner::V4 { bits, length }, Some(IpAddr::V4(peer))) => peer.to_bits() & v4_mask(length) == bits,
            (Inner::V6 { bits, length }, Some(IpAddr::V6(peer))) => peer.to_bits() & v6_mask(length) == bits,
            (Inner::Unix, None) => true,
            _ => false,
        }
    }

    fn network(address: IpAddr, length: u32) -> Self {
        match address {
            IpAddr::V4(v4) => Self(Inner::V4 { bits: v4.to_bits() & v4_mask(length), length }),
            IpAddr::V6(v6) => Self(Inner::V6 { bits: v6.to_bits() & v6_mask(length), length }),
        }
    }
}

const fn v4_mask(length: u32) -> u32 {
    // A shift by the full width would overflow.
    if length == 0 { 0 } else { u32::MAX << (32 - length) }
}

const fn v6_mask(length: u32) -> u128 {
    if length == 0 { 0 } else { u128::MAX << (128 - length) }
}

impl FromStr for TrustedProxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let written = text.trim();
        if written == "unix" {
            return Ok(Self(Inner::Unix));
        }
        let (address, length) = match written.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (written, None),
        };
        let form = "expected an IP address, a network such as 10.0.0.0/8, or `unix`";
        let address: IpAddr = address.parse().map_err(|_| Error::proxy(text, form))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(digits) => prefix_length(digits, most)
                .ok_or_else(|| Error::proxy(text, &format!("the prefix length must be 0 to {most}")))?,
        };
        let network = Self::network(address, length);
        if !network.begins_at(address) {
            return Err(Error::proxy(text, &format!("the address has bits set after its prefix: write {network}")));
        }
        // Peers are compared in canonical form, so a mapped IPv4 network is converted as well.
        Ok(match address.to_canonical() {
            IpAddr::V4(v4) if address.is_ipv6() && length >= MAPPED => Self::network(v4.into(), length - MAPPED),
            _ => network,
        })
    }
}

/// Parses a prefix length. Only digits are allowed: `parse` would accept a sign.
fn prefix_length(digits: &str, most: u32) -> Option<u32> {
    let length = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    (length <= most).then_some(length)
}

impl TrustedProxy {
    fn begins_at(&self, address: IpAddr) -> bool {
        match (self.0, address) {
            (Inner::V4 { bits, .. }, IpAddr::V4(address)) => bits == address.to_bits(),
            (Inner::V6 { bits, .. }, IpAddr::V6(address)) => bits == address.to_bits(),
            _ => false,
        }
    }
}

impl From<IpAddr> for TrustedProxy {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::network(address, if address.is_ipv4() { 32 } else { 128 })
    }
}

impl From<Ipv4Addr> for TrustedProxy {
    fn from(address: Ipv4Addr) -> Self {
        IpAddr::V4(address).into()
    }
}

impl From<Ipv6Addr> for TrustedProxy {
    fn from(address: Ipv6Addr) -> Self {
        IpAddr::V6(address).into()
    }
}

impl TryFrom<&str> for TrustedProxy {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<&String> for TrustedProxy {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<String> for TrustedProxy {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

/// Conversion from the error of an infallible `TryInto`, so that a list may hold addresses or text.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for TrustedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Inner::V4 { bits, length } => write!(f, "{}/{length}", Ipv4Addr::from_bits(bits)),
            Inner::V6 { bits, length } => write!(f, "{}/{length}", Ipv6Addr::from_bits(bits)),
            Inner::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(proxy: &str, peer: &str) -> bool {
        proxy.parse::<TrustedProxy>().unwrap().is(Some(peer.parse().unwrap()))
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        for (proxy, peer) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.0.0.0/8", "::ffff:10.255.0.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0/0", "203.0.113.1"),
            ("::1/128", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("::/0", "2001:db8::1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ] {
            assert!(is(proxy, peer), "{peer} is in {proxy}");
        }
        for (proxy, peer) in [
            ("10.0.0.0/8", "11.0.0.0"),
            ("127.0.0.1", "127.0.0.2"),
            ("::1", "127.0.0.1"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("2001:db8::/32", "2001:db9::1"),
        ] {
            assert!(!is(proxy, peer), "{peer} is not in {proxy}");
        }
    }

    #[test]
    fn unix_sockets_are_trusted_by_name_only() {
        assert!("unix".parse::<TrustedProxy>().unwrap().is(None));
        assert!(!"0.0.0.0/0".parse::<TrustedProxy>().unwrap().is(None));
        assert!(!"unix".parse::<TrustedProxy>().unwrap().is(Some(Ipv4Addr::LOCALHOST.into())));
    }

    #[test]
    fn a_mistake_is_an_error_that_says_which() {
        for (text, reason) in [
            ("", "expected"),
            ("localhost", "expected"),
            ("10.0.0/8", "expected"),
            ("10.0.0.0/33", "0 to 32"),
            ("10.0.0.0/+8", "0 to 32"),
            ("10.0.0.0/", "0 to 32"),
            ("::1/129", "0 to 128"),
            ("10.1.0.0/8", "write 10.0.0.0/8"),
            ("2001:db8::1/64", "write 2001:db8::/64"),
            ("fe80::1%eth0", "expected"),
        ] {
            let error = text.parse::<TrustedProxy>().unwrap_err();
            assert!(error.is_proxy() && error.to_string().contains(reason), "{text}: {error}");
        }
        assert_eq!(" 10.0.0.0/8 ".parse::<TrustedProxy>().unwrap().to_string(), "10.0.0.0/8");
    }
}
