//! Memory budgets of request bodies: for one connection, for one peer and for the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::address::peer::{Network, Peer};
use crate::sync::Mutex;

/// Overhead of a small frame in bytes: its handle and its own allocation.
const FRAME_COST: usize = 64;

/// Frames below this size are copied: a slice of a few bytes would keep the whole read buffer in memory.
const SMALL_FRAME: usize = 4096;

/// The number of bytes of request bodies in memory.
#[derive(Debug, Default)]
pub(in crate::server) struct BodyBudget {
    taken: AtomicUsize,
}

impl BodyBudget {
    /// Takes `cost` bytes, or none if that would exceed `most`.
    fn take(&self, cost: usize, most: usize) -> bool {
        let take = |taken: usize| taken.checked_add(cost).filter(|sum| *sum <= most);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, cost: usize) {
        self.taken.fetch_sub(cost, Ordering::Relaxed);
    }
}

/// The budgets of all bodies of a server, and of the bodies of each peer.
#[derive(Debug, Default)]
pub(in crate::server) struct Budgets {
    all: Arc<BodyBudget>,
    /// Networks without a body are removed, so that the map does not grow with every address seen.
    by_network: Mutex<HashMap<Network, Arc<BodyBudget>>>,
}

/// The limits on the memory of request bodies, in bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct BodyLimits {
    pub(in crate::server) connection: usize,
    pub(in crate::server) peer: usize,
    pub(in crate::server) all: usize,
}

impl BodyLimits {
    /// Returns the limit of a network: a multiple of a peer's, but at most half of the total.
    fn of_network(&self, factor: usize) -> usize {
        self.peer.saturating_mul(factor).min(self.peer.max(self.all / 2))
    }
}

impl Budgets {
    fn of_network(&self, network: Network) -> Arc<BodyBudget> {
        Arc::clone(self.by_network.lock().entry(network).or_default())
    }
}

/// The share that one body has taken of the budgets, until it is dropped.
///
/// The bytes that a body has returned count for as long as the body lives: a handler that collects them keeps
/// them for as long.
#[derive(Debug)]
pub(in crate::server) struct BodyShare {
    taken: usize,
    budgets: Arc<Budgets>,
    /// Each budget with its limit.
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    budget: Arc<BodyBudget>,
    most: usize,
    whose: Whose,
}

/// The owner of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Whose {
    Connection,
    Peer(Network),
    Server,
}

impl BodyShare {
    /// Creates an empty share. Without a peer the body counts for its connection and for the server.
    pub(in crate::server) fn new(
        connection: &Arc<BodyBudget>,
        peer: Option<Peer>,
        budgets: &Arc<Budgets>,
        most: BodyLimits,
    ) -> Self {
        let part = |budget: &Arc<BodyBudget>, most, whose| Part { budget: Arc::clone(budget), most, whose };
        let networks = peer.into_iter().flat_map(Peer::networks).map(|(network, factor)| Part {
            budget: budgets.of_network(network),
            most: most.of_network(factor),
            whose: Whose::Peer(network),
        });
        let mut parts = vec![part(connection, most.connection, Whose::Connection)];
        parts.extend(networks);
        parts.push(part(&budgets.all, most.all, Whose::Server));
        Self { taken: 0, budgets: Arc::clone(budgets), parts }
    }

    /// Whether a budget has less left than a small frame may take.
    pub(in crate::server) fn is_used_up(&self) -> bool {
        let taken = |part: &Part| part.budget.taken.load(Ordering::Relaxed);
        self.parts.iter().any(|part| taken(part).saturating_add(SMALL_FRAME) > part.most)
    }

    /// Takes the cost of a frame of this size.
    ///
    /// # Errors
    /// Returns the owner of the budget that is used up. Nothing is taken of any budget then.
    pub(in crate::server) fn take(&mut self, frame: usize) -> Result<(), Whose> {
        let cost = if is_small(frame) { frame + FRAME_COST } else { frame };
        for (number, part) in self.parts.iter().enumerate() {
            if !part.budget.take(cost, part.most) {
                self.parts.iter().take(number).for_each(|part| part.budget.give_back(cost));
                return Err(part.whose);
            }
        }
        self.taken += cost;
        Ok(())
    }
}

/// Whether the frame is to be copied.
pub(in crate::server) const fn is_small(frame: usize) -> bool {
    frame < SMALL_FRAME
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        for Part { budget, whose, .. } in self.parts.drain(..) {
            budget.give_back(self.taken);
            if let Whose::Peer(network) = whose {
                let mut by_network = self.budgets.by_network.lock();
                drop(budget);
                // Budgets are cloned only under the lock, so a count of 1 stays 1.
                if by_network.get(&network).is_some_and(|budget| Arc::strong_count(budget) == 1) {
                    by_network.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: BodyLimits = BodyLimits { connection: 20_000, peer: 25_000, all: 30_000 };

    fn taken(budget: &BodyBudget) -> usize {
        budget.taken.load(Ordering::Relaxed)
    }

    fn peer(address: &str) -> Peer {
        Peer::of(address.parse().unwrap())
    }

    #[test]
    fn what_was_taken_comes_back_and_no_more() {
        let (connection, budgets) = (Arc::<BodyBudget>::default(), Arc::<Budgets>::default());
        let share = || BodyShare::new(&connection, Some(peer("203.0.113.1")), &budgets, MOST);
        let (mut first, mut second) = (share(), share());
        assert_eq!((first.take(10_000), second.take(10_000)), (Ok(()), Ok(())));
        assert_eq!((first.take(1), second.take(usize::MAX)), (Err(Whose::Connection), Err(Whose::Connection)));
        drop(second);
        assert_eq!(first.take(1), Ok(()));
        let alone = BodyLimits { connection: usize::MAX, ..MOST };
        let mut other = BodyShare::new(&Arc::default(), None, &budgets, alone);
        assert_eq!((other.take(19_000), other.take(1000)), (Ok(()), Err(Whose::Server)));
        assert!(first.is_used_up());
        drop((first, other));
        assert_eq!((taken(&budgets.all), taken(&connection)), (0, 0));
        assert!(budgets.by_network.lock().is_empty());
    }

    #[test]
    fn one_peer_cannot_have_all() {
        let budgets = Arc::<Budgets>::default();
        let most = BodyLimits { connection: usize::MAX, peer: 10_000, all: 100_000 };
        let share = |address: &str| BodyShare::new(&Arc::default(), Some(peer(address)), &budgets, most);
        let (mut one, mut same, mut other) = (share("203.0.113.1"), share("203.0.113.1"), share("203.0.113.2"));
        assert_eq!(one.take(10_000), Ok(()));
        assert!(matches!(same.take(5000), Err(Whose::Peer(_))) && same.is_used_up());
        assert_eq!(other.take(10_000), Ok(()));
        // A /48 network has half of all.
        let mut customer: Vec<_> = (0..20_u32).map(|number| share(&format!("2001:db8:0:{number:x}00::1"))).collect();
        let served = customer.iter_mut().filter_map(|share| share.take(10_000).ok()).count();
        assert_eq!(served, 5);
        assert_eq!(share("2001:db8:1::1").take(10_000), Ok(()));
        drop((one, same, other, customer));
        assert_eq!((taken(&budgets.all), budgets.by_network.lock().len()), (0, 0));
    }

    #[test]
    fn a_small_frame_costs_more_than_its_bytes() {
        let budgets = Arc::<Budgets>::default();
        let most = BodyLimits { connection: usize::MAX, peer: usize::MAX, all: usize::MAX };
        let mut share = BodyShare::new(&Arc::default(), Some(peer("2001:db8::1")), &budgets, most);
        for _ in 0..1000 {
            share.take(1).unwrap();
        }
        assert_eq!(taken(&budgets.all), 65_000);
    }
}
