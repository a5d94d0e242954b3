//! [`Peer`], the client that connections and requests are counted for.

use std::net::IpAddr;

/// A client as limits tell clients apart: an IPv4 address, or a /64 network of IPv6, the smallest that a
/// customer is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Peer {
    V4(u32),
    /// The first 64 bits of the address.
    V6(u64),
}

/// One network that a peer belongs to: its leading bits, and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::server) struct Network {
    bits: u64,
    length: u8,
}

/// The IPv6 networks that one customer may have: prefix length, and factor on the limit of a /64. Providers
/// assign a /64, a /56 or a /48, and the customer chooses the addresses within. The factors are there because
/// many customers may share such a network.
const NETWORKS: [(u8, usize); 3] = [(64, 1), (56, 4), (48, 16)];

impl Peer {
    pub(in crate::server) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6(u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }

    /// Returns each network that the peer counts for, and its factor on the limit of a peer.
    pub(in crate::server) fn networks(self) -> impl Iterator<Item = (Network, usize)> {
        let v4 = match self {
            Self::V4(bits) => Some((Network { bits: bits.into(), length: 32 }, 1)),
            Self::V6(_) => None,
        };
        let v6 = match self {
            Self::V4(_) => None,
            Self::V6(bits) => Some(bits),
        };
        let v6 = v6.into_iter().flat_map(|bits| {
            NETWORKS.map(|(length, factor)| (Network { bits: bits & (u64::MAX << (64 - length)), length }, factor))
        });
        v4.into_iter().chain(v6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(address: &str) -> Vec<(Network, usize)> {
        Peer::of(address.parse().unwrap()).networks().collect()
    }

    #[test]
    fn an_ipv4_address_is_one_network() {
        assert_eq!(networks("203.0.113.1"), networks("::ffff:203.0.113.1"));
        assert_eq!(networks("203.0.113.1").len(), 1);
        // No IPv6 network has the key of an IPv4 address, not even one with the same bits.
        assert!(!networks("::cb00:7101:0:0:0:0").contains(&networks("203.0.113.1")[0]));
    }

    #[test]
    fn an_ipv6_address_is_in_three_networks() {
        let (one, same) = (networks("2001:db8:1:2::1"), networks("2001:db8:1:2:ffff::2"));
        assert_eq!((one.len(), &one), (3, &same));
        let shared = |other: &str| one.iter().zip(networks(other)).map(|(a, b)| *a == b).collect::<Vec<_>>();
        assert_eq!(shared("2001:db8:1:3::1"), [false, true, true]);
        assert_eq!(shared("2001:db8:1:f002::1"), [false, false, true]);
        assert_eq!(shared("2001:db8:2:2::1"), [false, false, false]);
    }
}
