//! [`Shards`], the primaries of a cluster, with connections for commands.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::connector::Connector;
use super::fault::RedisFault;
use super::reconnect::Commands;
use super::slot_map::{SlotMap, View};
use super::slots::{slot_of, tag_in};
use super::target::Address;
use crate::sync::Mutex;

/// The most servers among which the time for a question is divided. Others are asked if these answer sooner.
const MAX_SHARES: usize = 4;

/// The longest time that one server has to answer. The one that has just failed is often asked first.
const MAX_SHARE: Duration = Duration::from_secs(2);

/// The primaries of a cluster as this process knows them, with connections for commands to those that it uses.
pub(super) struct Shards {
    /// The servers that the URL names.
    connector: Arc<Connector>,
    state: Mutex<State>,
    /// The number of times that the map was read.
    reads: AtomicUsize,
    /// Notified when the map may be out of date.
    doubt: Arc<Notify>,
}

#[derive(Default)]
struct State {
    map: SlotMap,
    commands: HashMap<Address, Commands>,
}

impl Shards {
    /// The shards of the cluster that a URL names. None is known before [`read`](Self::read).
    pub(super) fn new(connector: Arc<Connector>) -> Self {
        Self { connector, state: Mutex::default(), reads: AtomicUsize::new(0), doubt: Arc::default() }
    }

    /// Notified when the map may be out of date.
    pub(super) const fn doubt(&self) -> &Arc<Notify> {
        &self.doubt
    }

    /// Asks one server after the other for the map, each time another one first: a server that is cut off from the others
    /// has an old map. Returns whether the map has changed.
    pub(super) async fn read(&self) -> Result<bool, RedisFault> {
        let mut servers: Vec<_> = self.state.lock().map.primaries().cloned().collect();
        servers.extend(self.connector.seeds().iter().cloned());
        let (count, time) = (servers.len(), self.connector.connect_timeout());
        let share = (time / u32::try_from(count.clamp(1, MAX_SHARES)).unwrap_or(1)).min(MAX_SHARE);
        let (first, end) = (self.reads.fetch_add(1, Ordering::Relaxed), Instant::now() + time);
        let mut fault = None;
        for index in (0..count).map(|step| first.wrapping_add(step) % count) {
            match self.connector.ask_for_slots(&servers[index], share).await {
                // A server that has left the cluster, or that the others cannot reach since its start, knows no shard.
                Ok(view) if view.shards() == 0 => {}
                Ok(view) => return Ok(self.update(&view)),
                // An operator can act on a refusal.
                Err(found) if found.is_lasting() => fault = Some(found),
                Err(found) => fault = fault.or(Some(found)),
            }
            if Instant::now() >= end {
                break;
            }
        }
        Err(fault.unwrap_or_else(|| RedisFault::unreachable(self.connector.place(), "its cluster has no shard")))
    }

    fn update(&self, view: &View) -> bool {
        let mut state = self.state.lock();
        let map = state.map.after(view);
        let is_kept = |address: &Address| map.primaries().any(|primary| primary == address);
        let (kept, retired) = state.commands.drain().partition(|(address, _)| is_kept(address));
        state.commands = kept;
        let is_changed = state.map != map;
        state.map = map;
        drop(state);
        let retired: HashMap<Address, Commands> = retired;
        retired.values().for_each(Commands::retire);
        is_changed
    }

    /// The URL without credentials, for errors and logs.
    pub(super) fn place(&self) -> &str {
        self.connector.place()
    }

    /// The number of primaries.
    pub(super) fn count(&self) -> usize {
        self.state.lock().map.primaries().count()
    }

    /// Whether this server is a primary.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.state.lock().map.primaries().any(|primary| primary == address)
    }

    /// The primary that keeps a key or a channel.
    pub(super) fn primary(&self, key: &str) -> Result<Address, RedisFault> {
        let slot = slot_of(key);
        self.state.lock().map.primary(slot).cloned().ok_or_else(|| {
            // The cluster may be forming, or a server may be unknown to those that were asked.
            self.doubt.notify_one();
            RedisFault::unreachable(self.connector.place(), &format!("no server of the cluster has the slot {slot}"))
        })
    }

    /// A hash tag whose keys are on this primary. `None` if it has no slots.
    ///
    /// It is that of the last slot: tools that empty a server begin with the first one.
    pub(super) fn tag_on(&self, address: &Address) -> Option<String> {
        let slot = self.state.lock().map.last_slot(address)?;
        Some(tag_in(slot))
    }

    /// The connection for commands to a primary.
    pub(super) fn commands_at(&self, address: &Address) -> Commands {
        let connect = || Commands::new(Arc::new(self.connector.shard(address, &self.doubt)));
        self.state.lock().commands.entry(address.clone()).or_insert_with(connect).clone()
    }

    /// The connection for commands to the primary that keeps a key.
    pub(super) fn commands_of(&self, key: &str) -> Result<Commands, RedisFault> {
        Ok(self.commands_at(&self.primary(key)?))
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shards").field(&self.connector).field(&self.count()).finish()
    }
}
