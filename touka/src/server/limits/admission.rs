//! [`Admission`], which admits connections and requests within the limits.

use super::counts::{Counts, Kind, Permit, Quota};
use crate::server::address::peer::Peer;
use crate::server::config::Limits;

/// Counts the connections and requests of one server against its limits. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Admission(Counts);

/// The outcome for a new connection.
#[derive(Debug)]
pub(in crate::server) enum Admitted {
    /// The connection is served.
    Yes(Permit),
    /// The connection is over a limit: its first request gets the overload response.
    Overload(Permit),
    /// The connection is closed: too many others are getting the overload response.
    No,
}

impl Admission {
    /// Admits a connection. Without a peer it counts towards the total only.
    pub(in crate::server) fn connection(&self, peer: Option<Peer>, limits: &Limits) -> Admitted {
        let quota = Quota { all: limits.connections, per_peer: limits.connections_per_peer };
        if let Some(permit) = self.0.take(Kind::Connection, peer, quota) {
            return Admitted::Yes(permit);
        }
        let most = max_refused(limits);
        let quota = Quota { all: most, per_peer: most / REFUSED_SHARE };
        self.0.take(Kind::Refused, peer, quota).map_or(Admitted::No, Admitted::Overload)
    }

    /// Admits a request, for as long as the permit lives. Without a peer it counts towards the total only.
    pub(in crate::server) fn request(&self, peer: Option<Peer>, limits: &Limits) -> Option<Permit> {
        let quota = Quota { all: limits.streams, per_peer: limits.streams_per_peer };
        self.0.take(Kind::Request, peer, quota)
    }
}

/// Divisor of the refused connections for the share of one peer. A /48 network has 16 times the limit of a
/// peer, so half of the capacity stays for all others.
const REFUSED_SHARE: usize = 32;

/// Maximum number of refused connections. They live for seconds and have no stream, so a few are enough.
pub(in crate::server) const fn max_refused(limits: &Limits) -> usize {
    let few = limits.connections / 16;
    if few < 64 { 64 } else { few }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Limits = Limits { connections: 3, connections_per_peer: 2, ..Limits::DEFAULT };

    fn admit(admission: &Admission, address: &str) -> Admitted {
        admission.connection(Some(Peer::of(address.parse().unwrap())), &FEW)
    }

    #[test]
    fn a_connection_without_a_peer_counts_in_all() {
        let admission = Admission::default();
        let held = [(); 3].map(|()| admission.connection(None, &FEW));
        assert!(held.iter().all(|admitted| matches!(admitted, Admitted::Yes(_))));
        let refused = [(); 64].map(|()| admission.connection(None, &FEW));
        assert!(refused.iter().all(|admitted| matches!(admitted, Admitted::Overload(_))));
        assert!(matches!(admission.connection(None, &FEW), Admitted::No));
        drop((held, refused));
        assert!(admission.0.is_empty());
    }

    #[test]
    fn one_peer_cannot_have_all_places_to_be_refused() {
        let admission = Admission::default();
        let _held = [admit(&admission, "203.0.113.1"), admit(&admission, "203.0.113.1")];
        let mut refused = Vec::new();
        loop {
            match admit(&admission, "203.0.113.1") {
                Admitted::Yes(_) => panic!("it is over the limit"),
                Admitted::Overload(permit) => refused.push(permit),
                Admitted::No => break,
            }
        }
        assert_eq!(refused.len(), 2);
        // Another peer over its limit still gets the overload response.
        let _held = admit(&admission, "2001:db8::1");
        let refused_v6: Vec<_> =
            (0..64).map(|number| admit(&admission, &format!("2001:db8:0:{number:x}00::1"))).collect();
        let refused_v6 = refused_v6.iter().filter(|admitted| matches!(admitted, Admitted::Overload(_))).count();
        assert_eq!(refused_v6, 32, "a /48 has half of the places");
        assert!(matches!(admit(&admission, "198.51.100.1"), Admitted::Overload(_)));
    }
}
