//! [`Counts`], the connections and requests in all and for each peer, and the [`Permit`] of one of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::server::address::peer::{Network, Peer};
use crate::sync::Mutex;

/// The number of connections and requests, in all and by network. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Counts(Arc<Mutex<CountTable>>);

#[derive(Debug, Default)]
struct CountTable {
    all: Tally,
    /// Networks with a count of zero are removed, so that the map does not grow with every address seen.
    by_network: HashMap<Network, Tally>,
}

/// The kinds that are counted separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Kind {
    /// A connection that is served.
    Connection,
    /// A connection over a limit, open until it has got the overload response.
    Refused,
    /// A request in progress: from its head to the end of its response.
    Request,
}

/// The limits of a kind. An IPv6 network has a multiple of the limit of a peer.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Quota {
    pub(in crate::server) all: usize,
    pub(in crate::server) per_peer: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    connections: usize,
    refused: usize,
    requests: usize,
}

impl Tally {
    const fn of(&self, kind: Kind) -> usize {
        match kind {
            Kind::Connection => self.connections,
            Kind::Refused => self.refused,
            Kind::Request => self.requests,
        }
    }

    const fn of_mut(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Connection => &mut self.connections,
            Kind::Refused => &mut self.refused,
            Kind::Request => &mut self.requests,
        }
    }

    const fn is_empty(&self) -> bool {
        self.connections == 0 && self.refused == 0 && self.requests == 0
    }
}

impl Counts {
    /// Counts one more, unless a limit is reached. Without a peer it counts towards the total only.
    pub(in crate::server) fn take(&self, kind: Kind, peer: Option<Peer>, quota: Quota) -> Option<Permit> {
        let mut table = self.0.lock();
        let counted = |network: &Network| table.by_network.get(network).map_or(0, |tally| tally.of(kind));
        let mut networks = peer.into_iter().flat_map(Peer::networks);
        let fits = networks.all(|(network, factor)| counted(&network) < quota.per_peer.saturating_mul(factor));
        if !fits || table.all.of(kind) >= quota.all {
            return None;
        }
        *table.all.of_mut(kind) += 1;
        for (network, _) in peer.into_iter().flat_map(Peer::networks) {
            *table.by_network.entry(network).or_default().of_mut(kind) += 1;
        }
        drop(table);
        Some(Permit { counts: self.clone(), peer, kind })
    }

    #[cfg(test)]
    pub(in crate::server) fn is_empty(&self) -> bool {
        let table = self.0.lock();
        table.all.is_empty() && table.by_network.is_empty()
    }
}

/// A guard that counts one connection or request until it is dropped.
#[derive(Debug)]
pub(in crate::server) struct Permit {
    counts: Counts,
    peer: Option<Peer>,
    kind: Kind,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut table = self.counts.0.lock();
        let all = table.all.of_mut(self.kind);
        *all = all.saturating_sub(1);
        for (network, _) in self.peer.into_iter().flat_map(Peer::networks) {
            if let Entry::Occupied(mut tally) = table.by_network.entry(network) {
                let count = tally.get_mut().of_mut(self.kind);
                *count = count.saturating_sub(1);
                if tally.get().is_empty() {
                    tally.remove();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { all: 1000, per_peer: 2 };

    fn take(counts: &Counts, address: &str) -> Option<Permit> {
        counts.take(Kind::Request, Some(Peer::of(address.parse().unwrap())), QUOTA)
    }

    #[test]
    fn one_peer_cannot_have_all() {
        let counts = Counts::default();
        let first = take(&counts, "203.0.113.1").unwrap();
        let _second = take(&counts, "::ffff:203.0.113.1").unwrap();
        assert!(take(&counts, "203.0.113.1").is_none());
        assert!(take(&counts, "203.0.113.2").is_some());
        drop(first);
        assert!(take(&counts, "203.0.113.1").is_some());
    }

    #[test]
    fn kinds_are_counted_apart() {
        let counts = Counts::default();
        let peer = Some(Peer::V4(1));
        let _held = [Kind::Connection, Kind::Connection].map(|kind| counts.take(kind, peer, QUOTA).unwrap());
        assert!(counts.take(Kind::Connection, peer, QUOTA).is_none());
        assert!(counts.take(Kind::Refused, peer, QUOTA).is_some());
        assert!(counts.take(Kind::Request, peer, QUOTA).is_some());
    }

    /// A customer with a /48 would otherwise have 65,536 times the limit.
    #[test]
    fn larger_networks_of_ipv6_have_larger_limits() {
        let counts = Counts::default();
        let mut held = Vec::new();
        let mut fill = |network: &dyn Fn(u32) -> String| {
            let before = held.len();
            held.extend((0..64).map_while(|number| take(&counts, &network(number))));
            held.len() - before
        };
        // One /64.
        assert_eq!(fill(&|host| format!("2001:db8:0:0::{host:x}")), 2);
        // Other /64s of the same /56: 8 in all, of which it has 2.
        assert_eq!(fill(&|number| format!("2001:db8:0:{:x}::1", number + 1)), 6);
        // Other /56s of the same /48: 32 in all, of which it has 8.
        assert_eq!(fill(&|number| format!("2001:db8:0:{:x}::1", (number + 1) << 8)), 24);
        assert!(take(&counts, "2001:db8:1::1").is_some());
        drop(held);
        assert!(counts.is_empty());
    }

    #[test]
    fn the_largest_limits_do_not_overflow() {
        let counts = Counts::default();
        let quota = Quota { all: usize::MAX, per_peer: usize::MAX };
        let peer = Peer::of("2001:db8::1".parse().unwrap());
        assert!(counts.take(Kind::Connection, Some(peer), quota).is_some());
        assert!(counts.take(Kind::Connection, None, Quota { all: 0, per_peer: 1 }).is_none());
        assert!(counts.is_empty());
    }
}
