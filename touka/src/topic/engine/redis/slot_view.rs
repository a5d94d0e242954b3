//! [`View`], the slots of a cluster as one of its servers knows them.

use std::collections::{HashMap, HashSet};

use redis::Value;

use super::slots::SLOTS;
use super::target::Address;

/// The slots of a cluster as one of its servers knows them.
#[derive(Debug)]
pub(super) struct View {
    /// The address at which the server was asked.
    pub(super) asked: Address,
    /// The id of the server. `None` if its reply does not say.
    myself: Option<String>,
    /// The epochs of all servers that it knows, by their ids.
    epochs: HashMap<String, u64>,
    pub(super) claims: Vec<Claim>,
}

/// A range of slots with its primary.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) first: usize,
    pub(super) last: usize,
    /// The id of the primary.
    pub(super) id: String,
    pub(super) host: Host,
    pub(super) port: u16,
    /// The number of the claim: a later one of another server, after a failover or a move, has a higher number as a rule.
    pub(super) epoch: u64,
}

/// The host of a primary.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host {
    Named(String),
    /// The server knows no host. Clients use the one at which they have asked, with the port of the primary.
    Asked,
    /// The server has a rule for the host, and lacks what the rule needs.
    Unknown,
}

impl View {
    /// Parses the replies to `CLUSTER SLOTS` and `CLUSTER NODES` of the server with this address. Returns `None` for another
    /// shape.
    pub(super) fn parse(slots: &Value, nodes: &Value, asked: &Address) -> Option<Self> {
        let (mut myself, mut epochs) = (None, HashMap::new());
        for line in text(nodes)?.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [id, _, flags, _, _, _, epoch, ..] = words[..] else { continue };
            if flags.split(',').any(|flag| flag == "myself") {
                myself = Some(id.to_owned());
            }
            if let Ok(epoch) = epoch.parse() {
                epochs.insert(id.to_owned(), epoch);
            }
        }
        let Value::Array(shards) = slots else { return None };
        let mut claims = Vec::new();
        for shard in shards {
            let Value::Array(parts) = shard else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = &parts[..] else { return None };
            let [host, Value::Int(port), id, ..] = &primary[..] else { return None };
            let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
            if last >= SLOTS.into() {
                return None;
            }
            let host = match (text(host).unwrap_or_default(), asked) {
                ("?", _) => Host::Unknown,
                ("", Address::Tcp { .. }) => Host::Asked,
                #[cfg(unix)]
                ("", Address::Unix(_)) => Host::Unknown,
                (host, _) => Host::Named(host.to_owned()),
            };
            let id = text(id)?.to_owned();
            let epoch = epochs.get(&id).copied().unwrap_or_default();
            claims.push(Claim { first, last, id, host, port: u16::try_from(*port).ok()?, epoch });
        }
        Some(Self { asked: asked.clone(), myself, epochs, claims })
    }

    /// The number of primaries that have a host.
    pub(super) fn shards(&self) -> usize {
        let with_host = self.claims.iter().filter(|claim| claim.host != Host::Unknown);
        with_host.map(|claim| claim.id.as_str()).collect::<HashSet<_>>().len()
    }

    /// Whether this is the view of the server with this id.
    pub(super) fn is_of(&self, id: &str) -> bool {
        self.myself.as_deref() == Some(id)
    }

    /// Whether another server is at the address of the server with this id.
    pub(super) fn replaces(&self, id: &str, address: &Address) -> bool {
        self.asked == *address && self.myself.as_deref().is_some_and(|myself| myself != id)
    }

    /// Whether the server with this id has left the cluster: the view is not older than this epoch of it, and lacks it.
    pub(super) fn has_left(&self, id: &str, epoch: u64) -> bool {
        !self.epochs.contains_key(id) && self.epochs.values().any(|known| *known >= epoch)
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(text) => str::from_utf8(text).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}
