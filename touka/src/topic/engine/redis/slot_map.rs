//! [`SlotMap`], the servers that have the slots of a cluster.

use std::collections::HashMap;

use redis::Value;

use super::slots::SLOTS;
use super::target::Address;

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
    /// The number of the claim: a later one of another server, after a failover or a move, has a higher number.
    epoch: u64,
}

/// The view of one server: a map, and the servers that it knows.
#[derive(Debug)]
pub(super) struct View {
    map: SlotMap,
    /// The epochs of all servers by their ids.
    epochs: HashMap<String, u64>,
}

impl View {
    /// Parses the replies to `CLUSTER SLOTS` and `CLUSTER NODES` of the server with this address. Returns `None` for another
    /// shape.
    pub(super) fn parse(slots: &Value, nodes: &Value, asked: &Address) -> Option<Self> {
        let nodes = text(nodes)?;
        let epoch = |line: &str| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.nth(5)?.parse().ok()?))
        };
        let epochs: HashMap<String, u64> = nodes.lines().filter_map(epoch).collect();
        let Value::Array(shards) = slots else { return None };
        let mut map = SlotMap::default();
        for shard in shards {
            let Value::Array(parts) = shard else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = &parts[..] else { return None };
            let [host, Value::Int(port), id, ..] = &primary[..] else { return None };
            let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
            if last >= SLOTS.into() {
                return None;
            }
            let host = match (text(host).unwrap_or_default(), asked) {
                // The server does not know this address.
                ("?", _) => continue,
                // A server may know no address of its own: then it is the one at which it was asked.
                ("", Address::Tcp { host, .. }) => host,
                #[cfg(unix)]
                ("", Address::Unix(_)) => continue,
                (host, _) => host,
            };
            let address = Address::Tcp { host: host.to_owned(), port: u16::try_from(*port).ok()? };
            let id = text(id)?.to_owned();
            let epoch = epochs.get(&id).copied().unwrap_or_default();
            let primary = Primary { id, address, epoch };
            (first..=last).for_each(|slot| map.set(slot, &primary));
        }
        Some(Self { map, epochs })
    }

    /// The number of primaries.
    pub(super) fn shards(&self) -> usize {
        self.map.primaries.len()
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

    /// The map after a server was asked. For each slot the later claim counts: a server that was stopped, or is cut off from
    /// the others, tells of those from before.
    pub(super) fn after(&self, view: &View) -> Self {
        let mut map = Self::default();
        for slot in 0..SLOTS.into() {
            let owner = match (self.owner(slot), view.map.owner(slot)) {
                // A server that has left the cluster has no claim.
                (Some(known), Some(told)) if told.epoch >= known.epoch || !view.epochs.contains_key(&known.id) => told,
                (Some(known), _) => known,
                (None, Some(told)) => told,
                (None, None) => continue,
            };
            map.set(slot, owner);
        }
        map
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

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(text) => str::from_utf8(text).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.into(), port }
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn shard(first: i64, last: i64, host: Value, port: i64) -> Value {
        let primary = Value::Array(vec![host, Value::Int(port), bulk(&format!("id{port}"))]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary])
    }

    fn nodes(epochs: &[(u16, u64)]) -> Value {
        let line = |(port, epoch): &(u16, u64)| format!("id{port} h:{port}@1 master - 0 0 {epoch} connected 0-1\n");
        bulk(&epochs.iter().map(line).collect::<String>())
    }

    /// The view of a server on shards that have a slot each.
    fn view(shards: &[(i64, u16)], epochs: &[(u16, u64)]) -> View {
        let shards = shards.iter().map(|&(slot, port)| shard(slot, slot, bulk("h"), port.into())).collect();
        View::parse(&Value::Array(shards), &nodes(epochs), &tcp("a", 7)).unwrap()
    }

    #[test]
    fn each_slot_has_the_primary_of_its_range() {
        let reply = Value::Array(vec![
            shard(5461, 10922, bulk("b"), 2),
            shard(0, 5460, bulk(""), 1),
            shard(10924, 10924, Value::Nil, 1),
            shard(10925, 16383, bulk("?"), 3),
        ]);
        let view = View::parse(&reply, &nodes(&[(1, 1), (2, 2)]), &tcp("a", 7)).unwrap();
        assert_eq!(view.shards(), 2);
        let map = SlotMap::default().after(&view);
        let (a, b) = (tcp("a", 1), tcp("b", 2));
        for (slot, primary) in [(0, Some(&a)), (5460, Some(&a)), (5461, Some(&b)), (10922, Some(&b)), (10924, Some(&a))]
        {
            assert_eq!(map.primary(slot), primary, "{slot}");
        }
        assert_eq!((map.primary(10923), map.primary(10925), map.primary(16383)), (None, None, None));
        assert_eq!(map.primaries().collect::<Vec<_>>(), [&a, &b]);
        assert_eq!(
            (map.last_slot(&a), map.last_slot(&b), map.last_slot(&tcp("c", 3))),
            (Some(10924), Some(10922), None)
        );
    }

    #[test]
    fn a_server_with_an_old_view_changes_nothing() {
        let old = view(&[(0, 1), (1, 2)], &[(1, 1), (2, 2), (3, 0)]);
        let new = view(&[(0, 3), (1, 2)], &[(1, 1), (2, 2), (3, 4)]);
        let map = SlotMap::default().after(&old).after(&new);
        assert_eq!(map.primary(0), Some(&tcp("h", 3)));
        assert_eq!(map.after(&old), map);
        // The same servers, created anew as another cluster.
        let other = view(&[(0, 5), (1, 2)], &[(5, 1), (2, 2)]);
        assert_eq!(map.after(&other).primary(0), Some(&tcp("h", 5)));
        assert_eq!(map.after(&view(&[(1, 2)], &[(2, 2), (3, 4)])), map, "a view without the slot");
    }

    #[test]
    fn other_replies_are_no_map() {
        for reply in [Value::Nil, Value::Array(vec![Value::Nil]), Value::Array(vec![shard(0, 70_000, bulk("a"), 1)])] {
            assert!(View::parse(&reply, &nodes(&[]), &tcp("a", 1)).is_none());
        }
        assert!(View::parse(&Value::Array(vec![]), &Value::Nil, &tcp("a", 1)).is_none());
        assert_eq!(View::parse(&Value::Array(vec![]), &nodes(&[]), &tcp("a", 1)).unwrap().shards(), 0);
    }
}
