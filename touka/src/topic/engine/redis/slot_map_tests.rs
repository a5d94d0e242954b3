//! Tests of [`SlotMap`]: tables of views.

use redis::Value;
use tokio::time::Instant;

use super::slot_map::{Disputes, LAPSE, SlotMap};
use super::slot_view::View;
use super::target::Address;

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp { host: host.into(), port }
}

fn bulk(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn shard(first: i64, last: i64, host: Value, port: i64, id: u16) -> Value {
    let primary = Value::Array(vec![host, Value::Int(port), bulk(&format!("id{id}"))]);
    Value::Array(vec![Value::Int(first), Value::Int(last), primary])
}

/// The reply to `CLUSTER NODES` of this server.
fn nodes(myself: u16, epochs: &[(u16, u64)]) -> Value {
    let line = |(id, epoch): &(u16, u64)| {
        let flags = if *id == myself { "myself,master" } else { "master" };
        format!("id{id} h:{id}@1 {flags} - 0 0 {epoch} connected 0-1\n")
    };
    bulk(&epochs.iter().map(line).collect::<String>())
}

/// A server with the id and the port 1 to 9, and its view: the owners of slots, and the epochs of all servers.
fn view(myself: u16, owners: &[(i64, u16)], epochs: &[(u16, u64)]) -> View {
    view_at(myself, myself, owners, epochs)
}

/// A server that is at the port of another one.
fn view_at(port: u16, myself: u16, owners: &[(i64, u16)], epochs: &[(u16, u64)]) -> View {
    let shards = owners.iter().map(|&(slot, id)| shard(slot, slot, bulk("h"), (id % 10).into(), id)).collect();
    View::parse(&Value::Array(shards), &nodes(myself, epochs), &tcp("h", port)).unwrap()
}

/// The reads of a map.
struct Reads {
    map: SlotMap,
    disputes: Disputes,
    now: Instant,
}

impl Reads {
    fn new() -> Self {
        Self { map: SlotMap::default(), disputes: Disputes::default(), now: Instant::now() }
    }

    /// Takes in a view, and returns the ports of the primaries of the slots 0 and 1.
    fn take(&mut self, view: &View) -> [Option<u16>; 2] {
        self.disputes.set_silent(&view.asked, false);
        self.map = self.map.after(view, &mut self.disputes, self.now);
        [0, 1].map(|slot| match self.map.primary(slot)? {
            Address::Tcp { port, .. } => Some(*port),
            #[cfg(unix)]
            Address::Unix(_) => None,
        })
    }

    fn fails(&mut self, port: u16) {
        self.disputes.set_silent(&tcp("h", port), true);
    }

    /// The ports of the primaries to ask.
    fn disputed(&self) -> Vec<Address> {
        self.map.disputed(&self.disputes).into_iter().cloned().collect()
    }
}

#[test]
fn each_slot_has_the_primary_of_its_range() {
    let reply = Value::Array(vec![
        shard(5461, 10922, bulk("b"), 2, 2),
        shard(0, 5460, bulk(""), 1, 1),
        shard(10924, 10924, Value::Nil, 1, 1),
        shard(10925, 16383, bulk("?"), 3, 3),
    ]);
    let view = View::parse(&reply, &nodes(0, &[(1, 1), (2, 2)]), &tcp("a", 7)).unwrap();
    assert_eq!(view.shards(), 2);
    let map = SlotMap::default().after(&view, &mut Disputes::default(), Instant::now());
    let (a, b) = (tcp("a", 1), tcp("b", 2));
    for (slot, primary) in [(0, Some(&a)), (5460, Some(&a)), (5461, Some(&b)), (10922, Some(&b)), (10924, Some(&a))] {
        assert_eq!(map.primary(slot), primary, "{slot}");
    }
    assert_eq!((map.primary(10923), map.primary(10925), map.primary(16383)), (None, None, None));
    assert_eq!(map.primaries().collect::<Vec<_>>(), [&a, &b]);
    assert_eq!((map.last_slot(&a), map.last_slot(&b), map.last_slot(&tcp("c", 3))), (Some(10924), Some(10922), None));
}

/// A server that is stopped, resumed and believes that it still has slots that its replica 3 has taken over.
#[test]
fn a_former_primary_changes_nothing() {
    let old = [(1, 1), (2, 2), (3, 0)];
    let new = [(1, 1), (2, 2), (3, 4)];
    let mut reads = Reads::new();
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(1), Some(2)]);
    assert_eq!(reads.take(&view(2, &[(0, 3), (1, 2)], &new)), [Some(3), Some(2)]);
    for _ in 0..3 {
        assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
        assert_eq!(reads.disputed(), [tcp("h", 3)]);
        reads.now += LAPSE;
        assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)], "the new primary answers");
        assert_eq!(reads.take(&view(3, &[(0, 3), (1, 2)], &new)), [Some(3), Some(2)]);
        assert_eq!(reads.disputed(), []);
    }
    assert_eq!(reads.take(&view(2, &[(1, 2)], &new)), [Some(3), Some(2)], "a view without the slot");
    // The new primary is away for a while.
    reads.fails(3);
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
    reads.now += LAPSE / 2;
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
    assert_eq!(reads.take(&view(2, &[(0, 3), (1, 2)], &new)), [Some(3), Some(2)], "confirmed");
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
    reads.now += LAPSE / 2;
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
}

/// An operator gives a slot to a server of a lower epoch, with DELSLOTS and ADDSLOTS.
#[test]
fn a_primary_that_denies_its_own_claim_has_lost_it() {
    let epochs = [(1, 1), (2, 5)];
    let mut reads = Reads::new();
    assert_eq!(reads.take(&view(1, &[(0, 2), (1, 2)], &epochs)), [Some(2), Some(2)]);
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &epochs)), [Some(2), Some(2)]);
    assert_eq!(reads.disputed(), [tcp("h", 2)]);
    assert_eq!(reads.take(&view(2, &[(0, 1), (1, 2)], &epochs)), [Some(1), Some(2)]);
    assert_eq!(reads.disputed(), []);
    assert_eq!(reads.take(&view(2, &[(1, 2)], &epochs)), [Some(1), Some(2)], "another one has it");
    assert_eq!(reads.take(&view(1, &[(1, 2)], &epochs)), [None, Some(2)], "no server has it");
    assert_eq!(reads.take(&view(2, &[(0, 2), (1, 2)], &epochs)), [Some(2), Some(2)]);
}

/// All servers are restored from a backup, from before a failover from 1 to 3.
#[test]
fn restored_servers_have_lower_epochs() {
    let old = [(1, 1), (2, 2), (3, 1)];
    let mut reads = Reads::new();
    assert_eq!(reads.take(&view(3, &[(0, 3), (1, 2)], &[(1, 9), (2, 8), (3, 9)])), [Some(3), Some(2)]);
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
    assert_eq!(reads.take(&view(3, &[(0, 1), (1, 2)], &old)), [Some(1), Some(2)]);
    // A primary that has its slots still has them with its new epoch.
    assert_eq!(reads.take(&view(2, &[(0, 1), (1, 2)], &old)), [Some(1), Some(2)]);
    let moved = [(1, 3), (2, 2), (3, 1)];
    assert_eq!(reads.take(&view(3, &[(0, 1), (1, 1)], &moved)), [Some(1), Some(1)]);
}

/// All servers are restored, and the one that had the slot does not start again.
#[test]
fn the_claim_of_a_dead_server_lapses() {
    let old = [(1, 1), (2, 2), (3, 1)];
    let mut reads = Reads::new();
    reads.take(&view(3, &[(0, 3), (1, 2)], &[(1, 9), (2, 8), (3, 9)]));
    assert_eq!(reads.take(&view(2, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
    reads.fails(3);
    reads.now += LAPSE / 2;
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(3), Some(2)]);
    reads.now += LAPSE / 2;
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &old)), [Some(1), Some(2)]);
}

/// A cluster is made anew of the same servers: the addresses are the same, and the ids are others.
#[test]
fn a_new_cluster_of_the_same_servers_is_taken() {
    let new = [(11, 1), (12, 2)];
    let mut reads = Reads::new();
    assert_eq!(reads.take(&view(1, &[(0, 1), (1, 2)], &[(1, 8), (2, 9)])), [Some(1), Some(2)]);
    assert_eq!(reads.take(&view_at(1, 11, &[(0, 12), (1, 11)], &new)), [Some(2), Some(2)]);
    assert_eq!(reads.disputed(), [tcp("h", 2)]);
    assert_eq!(reads.take(&view_at(2, 12, &[(0, 12), (1, 11)], &new)), [Some(2), Some(1)]);
    assert_eq!(reads.take(&view_at(1, 11, &[(0, 12), (1, 11)], &new)), [Some(2), Some(1)]);
}

/// The server 5 is gone, and its slot was given to 3, which has joined since. The server 9 is cut off from the others.
#[test]
fn a_stale_seed_does_not_flap() {
    let stale = view(9, &[(0, 5), (1, 2)], &[(5, 6), (2, 7), (9, 0)]);
    let new = view(2, &[(0, 3), (1, 2)], &[(2, 7), (3, 8)]);
    let mut reads = Reads::new();
    assert_eq!(reads.take(&stale), [Some(5), Some(2)]);
    reads.fails(5);
    for _ in 0..3 {
        assert_eq!(reads.take(&new), [Some(3), Some(2)]);
        assert_eq!(reads.take(&stale), [Some(3), Some(2)]);
        assert_eq!(reads.disputed(), [tcp("h", 3)]);
        reads.now += LAPSE / 2;
    }
    reads.fails(3);
    assert_eq!(reads.take(&stale), [Some(3), Some(2)], "a view from before the claim");
}

/// The server 5 is gone, and an operator has given its slot to one of a lower epoch.
#[test]
fn a_server_that_has_left_has_no_claim() {
    let mut reads = Reads::new();
    assert_eq!(reads.take(&view(2, &[(0, 5), (1, 2)], &[(2, 7), (3, 1), (5, 6)])), [Some(5), Some(2)]);
    let new = view(2, &[(0, 3), (1, 2)], &[(2, 7), (3, 1)]);
    assert_eq!(reads.take(&new), [Some(5), Some(2)]);
    assert_eq!(reads.disputed(), [tcp("h", 5)]);
    reads.fails(5);
    assert_eq!(reads.take(&new), [Some(3), Some(2)]);
}

#[test]
fn a_host_that_a_server_does_not_know_is_kept() {
    let take = |map: &SlotMap, disputes: &mut Disputes, host: Value, asked: &Address, myself| {
        let reply = Value::Array(vec![shard(0, 0, host, 1, 1)]);
        let view = View::parse(&reply, &nodes(myself, &[(1, 1), (2, 2)]), asked).unwrap();
        let map = map.after(&view, disputes, Instant::now());
        let primary = map.primary(0).cloned();
        (map, primary)
    };
    let (by_itself, by_other) = (tcp("a", 1), tcp("b", 2));
    let unknown = [bulk(""), Value::Nil, bulk("?")];
    for (index, host) in unknown.iter().enumerate() {
        let disputes = &mut Disputes::default();
        let (named, primary) = take(&SlotMap::default(), disputes, bulk("n"), &by_other, 2);
        assert_eq!(primary, Some(tcp("n", 1)));
        assert_eq!(take(&named, disputes, host.clone(), &by_other, 2).1, Some(tcp("n", 1)), "{host:?}");
        assert_eq!(take(&named, disputes, host.clone(), &by_itself, 1).1, Some(tcp("n", 1)), "{host:?}");

        let (guessed, primary) = take(&SlotMap::default(), disputes, host.clone(), &by_other, 2);
        assert_eq!(primary, (index < 2).then(|| tcp("b", 1)), "{host:?}");
        if index == 2 {
            continue;
        }
        assert_eq!(take(&guessed, disputes, host.clone(), &tcp("c", 3), 3).1, Some(tcp("b", 1)), "the first guess");
        let (heard, primary) = take(&guessed, disputes, host.clone(), &by_itself, 1);
        assert_eq!(primary, Some(tcp("a", 1)), "its own answer is better than a guess");
        let alias = tcp("alias", 1);
        assert_eq!(take(&heard, disputes, host.clone(), &by_other, 2).1, Some(tcp("a", 1)));
        assert_eq!(take(&heard, disputes, host.clone(), &alias, 1).1, Some(tcp("a", 1)), "the first address");
        disputes.set_silent(&tcp("a", 1), true);
        assert_eq!(take(&heard, disputes, host.clone(), &alias, 1).1, Some(alias), "the address that answers");
    }
}

#[test]
fn other_replies_are_no_map() {
    for reply in [Value::Nil, Value::Array(vec![Value::Nil]), Value::Array(vec![shard(0, 70_000, bulk("a"), 1, 1)])] {
        assert!(View::parse(&reply, &nodes(1, &[]), &tcp("a", 1)).is_none());
    }
    assert!(View::parse(&Value::Array(vec![]), &Value::Nil, &tcp("a", 1)).is_none());
    assert_eq!(View::parse(&Value::Array(vec![]), &nodes(1, &[]), &tcp("a", 1)).unwrap().shards(), 0);
}
