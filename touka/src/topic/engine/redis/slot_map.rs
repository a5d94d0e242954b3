//! [`SlotMap`], the servers that have the slots of a cluster.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::slot_view::{Claim, Host, View};
use super::slots::SLOTS;
use super::target::Address;

/// The time after which other servers are believed that a primary has lost a slot, if it does not answer and no server
/// confirms its claim.
///
/// Longer than the default of `cluster-node-timeout`: a former primary that is cut off from the others takes no writes then.
pub(super) const LAPSE: Duration = Duration::from_secs(20);

/// The primaries of a cluster with their slots, as its servers know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SlotMap {
    primaries: Vec<Primary>,
    /// The index of the primary of each slot. Empty if there is no primary.
    owners: Vec<Option<usize>>,
}

/// A primary that claims slots.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Primary {
    id: String,
    address: Address,
    /// Whether the host is the one at which another server was asked, which knows none.
    is_guessed: bool,
    epoch: u64,
}

/// Claims that some servers deny, and primaries that do not answer.
#[derive(Debug, Default)]
pub(super) struct Disputes {
    /// The servers that did not answer when they were last asked.
    silent: HashSet<Address>,
    /// The slots whose primary was denied at this time, and has not been confirmed since.
    denied: HashMap<usize, Instant>,
}

impl Disputes {
    /// Records whether a server has answered.
    pub(super) fn set_silent(&mut self, server: &Address, is_silent: bool) {
        if is_silent {
            self.silent.insert(server.clone());
        } else {
            self.silent.remove(server);
        }
    }

    /// Forgets all servers but these.
    pub(super) fn retain(&mut self, servers: &[Address]) {
        self.silent.retain(|server| servers.contains(server));
    }
}

impl SlotMap {
    fn set(&mut self, slot: usize, primary: &Primary) {
        let index = self.primaries.iter().rposition(|known| known == primary).unwrap_or_else(|| {
            self.primaries.push(primary.clone());
            self.primaries.len() - 1
        });
        if self.owners.is_empty() {
            self.owners = vec![None; SLOTS.into()];
        }
        self.owners[slot] = Some(index);
    }

    fn owner(&self, slot: usize) -> Option<&Primary> {
        self.primaries.get((*self.owners.get(slot)?)?)
    }

    /// The map after a server was asked.
    ///
    /// For each slot the later claim counts, and what a primary says of itself. A server that was stopped, is cut off from
    /// the others or has left them tells of earlier claims: the primaries that it denies are [`disputed`](Self::disputed).
    pub(super) fn after(&self, view: &View, disputes: &mut Disputes, now: Instant) -> Self {
        let mut told = vec![None; SLOTS.into()];
        let primaries: Vec<_> = view.claims.iter().map(|claim| self.primary_of(claim, view, disputes)).collect();
        for (claim, primary) in view.claims.iter().zip(&primaries) {
            (claim.first..=claim.last).for_each(|slot| told[slot] = primary.as_ref());
        }
        let mut map = Self::default();
        for (slot, told) in told.into_iter().enumerate() {
            let owner = match self.owner(slot) {
                Some(known) => decide(slot, known, told, view, disputes, now),
                None => told,
            };
            if let Some(owner) = owner {
                map.set(slot, owner);
            }
        }
        map
    }

    /// The primary of a claim. `None` if its host is unknown.
    fn primary_of(&self, claim: &Claim, view: &View, disputes: &Disputes) -> Option<Primary> {
        let at = |host: &str| Address::Tcp { host: host.to_owned(), port: claim.port };
        let is_own = view.is_of(&claim.id);
        let is_known = |primary: &&Primary| {
            primary.id == claim.id && matches!(primary.address, Address::Tcp { port, .. } if port == claim.port)
        };
        let known = self.primaries.iter().find(is_known);
        // The primary itself has answered at this address, and not at the known one.
        let is_better = |known: &Primary| is_own && (known.is_guessed || disputes.silent.contains(&known.address));
        let (address, is_guessed) = match (&claim.host, &view.asked, known) {
            (Host::Named(host), ..) => (at(host), false),
            (Host::Asked, Address::Tcp { host, .. }, Some(known)) if is_better(known) => (at(host), false),
            (Host::Asked | Host::Unknown, _, Some(known)) => (known.address.clone(), known.is_guessed),
            (Host::Asked, Address::Tcp { host, .. }, None) => (at(host), !is_own),
            (_, _, None) => return None,
        };
        Some(Primary { id: claim.id.clone(), address, is_guessed, epoch: claim.epoch })
    }

    /// The primaries that a server denies, and none confirms. They know best which slots they have.
    pub(super) fn disputed(&self, disputes: &Disputes) -> HashSet<&Address> {
        disputes.denied.keys().filter_map(|&slot| Some(&self.owner(slot)?.address)).collect()
    }

    /// The address of the primary that has a slot.
    pub(super) fn primary(&self, slot: u16) -> Option<&Address> {
        self.owner(slot.into()).map(|primary| &primary.address)
    }

    /// The addresses of the primaries that have slots.
    pub(super) fn primaries(&self) -> impl Iterator<Item = &Address> {
        self.primaries.iter().map(|primary| &primary.address)
    }

    /// The last slot of a primary.
    pub(super) fn last_slot(&self, primary: &Address) -> Option<u16> {
        (0..SLOTS).rfind(|&slot| self.primary(slot) == Some(primary))
    }
}

/// The owner of a slot after the known one, when a server tells of this one.
fn decide<'a>(
    slot: usize,
    known: &'a Primary,
    told: Option<&'a Primary>,
    view: &View,
    disputes: &mut Disputes,
    now: Instant,
) -> Option<&'a Primary> {
    let is_own_word = view.is_of(&known.id) || view.replaces(&known.id, &known.address);
    let owner = match told {
        // Epochs may be lower than before: an operator has restored the servers, or moved the slot by hand.
        told if is_own_word => told,
        None => return Some(known),
        Some(told) if told.epoch >= known.epoch => Some(told),
        // An old view confirms the claim.
        Some(told) if told.id == known.id => Some(known),
        Some(told) => {
            let since = *disputes.denied.entry(slot).or_insert(now);
            let is_over = view.has_left(&known.id, known.epoch) || now.duration_since(since) >= LAPSE;
            if !is_over || !disputes.silent.contains(&known.address) {
                return Some(known);
            }
            Some(told)
        }
    };
    disputes.denied.remove(&slot);
    owner
}
