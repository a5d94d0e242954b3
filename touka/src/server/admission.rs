//! Who may connect: a bound on all connections, and on those of one peer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::Limits;

/// The connections that are open, by peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    admitted: usize,
    /// Over a limit, and open only to be told so.
    refused: usize,
    by_peer: HashMap<Peer, usize>,
}

/// Whom a connection counts for: an IPv4 address, or the /64 of an IPv6 address, which is what one
/// customer has. Nobody, for those who speak for many or are ours: loopback and private networks,
/// where reverse proxies live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Peer(u64);

impl Peer {
    fn of(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let ours = v4.is_loopback() || v4.is_private() || v4.is_link_local();
                (!ours).then(|| Self(u64::from(v4.to_bits())))
            }
            IpAddr::V6(v6) => {
                let ours = v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local();
                // Global addresses begin with a bit that no IPv4 address has as a number here.
                let network = u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX);
                (!ours).then_some(Self(network))
            }
        }
    }
}

/// What becomes of a connection.
pub(super) enum Admitted {
    /// It is served.
    Yes(Permit),
    /// It is over a limit: its first request is answered with a word about when to come back.
    Overload(Permit),
    /// Even those who are told so are too many. It is closed.
    No,
}

impl Admission {
    pub(super) fn admit(&self, address: Option<IpAddr>, limits: &Limits) -> Admitted {
        let peer = address.and_then(Peer::of);
        let mut open = self.lock();
        let of_peer = peer.map_or(0, |peer| open.by_peer.get(&peer).copied().unwrap_or(0));
        if open.admitted < limits.connections && of_peer < limits.connections_per_peer {
            open.admitted += 1;
            if let Some(peer) = peer {
                *open.by_peer.entry(peer).or_insert(0) += 1;
            }
            return Admitted::Yes(Permit { admission: self.clone(), peer, refused: false });
        }
        if open.refused < most_refused(limits) {
            open.refused += 1;
            return Admitted::Overload(Permit { admission: self.clone(), peer: None, refused: true });
        }
        Admitted::No
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each of these lives for seconds and has no stream, so a few go a long way.
pub(super) const fn most_refused(limits: &Limits) -> usize {
    let few = limits.connections / 16;
    if few < 64 { 64 } else { few }
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Admission,
    peer: Option<Peer>,
    refused: bool,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.admission.lock();
        if self.refused {
            open.refused = open.refused.saturating_sub(1);
            return;
        }
        open.admitted = open.admitted.saturating_sub(1);
        let Some(peer) = self.peer else { return };
        // Without this, the map would grow with every address that ever came.
        if let Entry::Occupied(mut count) = open.by_peer.entry(peer) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Limits = Limits { connections: 3, connections_per_peer: 2, ..Limits::DEFAULT };

    fn admit(admission: &Admission, address: &str) -> Admitted {
        admission.admit(Some(address.parse().unwrap()), &FEW)
    }

    #[test]
    fn one_peer_cannot_have_all() {
        let admission = Admission::default();
        let first = admit(&admission, "203.0.113.1");
        let _second = admit(&admission, "::ffff:203.0.113.1");
        assert!(matches!(admit(&admission, "203.0.113.1"), Admitted::Overload(_)));
        assert!(matches!(admit(&admission, "203.0.113.2"), Admitted::Yes(_)));
        drop(first);
        assert!(matches!(admit(&admission, "203.0.113.1"), Admitted::Yes(_)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let admission = Admission::default();
        let _held = [admit(&admission, "2001:db8::1"), admit(&admission, "2001:db8::ffff")];
        assert!(matches!(admit(&admission, "2001:db8::2"), Admitted::Overload(_)));
        assert!(matches!(admit(&admission, "2001:db8:0:1::2"), Admitted::Yes(_)));
    }

    #[test]
    fn a_proxy_is_not_one_peer_but_counts_in_all() {
        let admission = Admission::default();
        let held: Vec<_> = ["127.0.0.1", "127.0.0.1", "127.0.0.1"].map(|peer| admit(&admission, peer)).into();
        assert!(held.iter().all(|admitted| matches!(admitted, Admitted::Yes(_))));
        assert!(matches!(admit(&admission, "10.0.0.1"), Admitted::Overload(_)));
        let told: Vec<_> = (0..most_refused(&FEW)).map(|_| admit(&admission, "10.0.0.1")).collect();
        assert!(told.iter().all(|admitted| matches!(admitted, Admitted::Overload(_))));
        assert!(matches!(admit(&admission, "10.0.0.1"), Admitted::No));
        drop((held, told));
        assert!(matches!(admit(&admission, "10.0.0.1"), Admitted::Yes(_)));
        assert!(admission.lock().by_peer.is_empty());
    }
}
