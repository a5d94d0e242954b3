//! [`Shards`], the primaries of a cluster, with connections for commands.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::connector::Connector;
use super::fault::RedisFault;
use super::reconnect::Commands;
use super::slot_map::{Disputes, SlotMap};
use super::slot_view::View;
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
    disputes: Disputes,
    commands: HashMap<Address, Commands>,
    is_closed: bool,
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
    /// has an old map. If it denies the claim of a primary, that one is asked as well. Returns whether the map has changed.
    pub(super) async fn read(&self) -> Result<bool, RedisFault> {
        let mut servers = self.servers();
        let (count, time) = (servers.len().max(1), self.connector.connect_timeout());
        let share = (time / u32::try_from(count.min(MAX_SHARES)).unwrap_or(1)).min(MAX_SHARE);
        servers.rotate_left(self.reads.fetch_add(1, Ordering::Relaxed) % count);
        let mut servers = VecDeque::from(servers);
        let end = Instant::now() + time;
        let (mut is_changed, mut fault) = (None, None);
        while let Some(server) = servers.pop_front() {
            match self.connector.ask_for_slots(&server, share).await {
                // A server that has left the cluster, or that the others cannot reach since its start, knows no shard.
                Ok(view) if view.shards() == 0 => self.state.lock().disputes.set_silent(&server, true),
                Ok(view) => {
                    let (changes, disputed) = self.update(&view);
                    is_changed = Some(changes || is_changed == Some(true));
                    // Those that were asked already are not in the queue.
                    let (next, rest): (Vec<_>, Vec<_>) =
                        servers.into_iter().partition(|server| disputed.contains(server));
                    if next.is_empty() {
                        break;
                    }
                    servers = next.into_iter().chain(rest).collect();
                }
                Err(found) => {
                    self.state.lock().disputes.set_silent(&server, true);
                    // An operator can act on a refusal.
                    fault = Some(found).filter(|found| fault.is_none() || found.is_lasting()).or(fault);
                }
            }
            if Instant::now() >= end {
                break;
            }
        }
        is_changed.ok_or_else(|| {
            fault.unwrap_or_else(|| RedisFault::unreachable(self.connector.place(), "its cluster has no shard"))
        })
    }

    /// The servers that may know the map: the primaries, and those that the URL names.
    fn servers(&self) -> Vec<Address> {
        let mut state = self.state.lock();
        let servers = state.map.primaries().chain(self.connector.seeds());
        let mut seen = HashSet::new();
        let servers: Vec<_> = servers.filter(|server| seen.insert(*server)).cloned().collect();
        state.disputes.retain(&servers);
        servers
    }

    /// Takes in what a server says. Returns whether the map has changed, and the primaries that are disputed.
    pub(super) fn update(&self, view: &View) -> (bool, HashSet<Address>) {
        let mut state = self.state.lock();
        state.disputes.set_silent(&view.asked, false);
        let State { map, disputes, .. } = &mut *state;
        let after = map.after(view, disputes, Instant::now());
        let disputed = after.disputed(disputes).into_iter().cloned().collect();
        let is_kept = |address: &Address| after.primaries().any(|primary| primary == address);
        let (kept, retired) = state.commands.drain().partition(|(address, _)| is_kept(address));
        state.commands = kept;
        let is_changed = state.map != after;
        state.map = after;
        drop(state);
        let retired: HashMap<Address, Commands> = retired;
        retired.values().for_each(Commands::retire);
        (is_changed, disputed)
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
        let mut state = self.state.lock();
        let is_closed = state.is_closed;
        let connect = || {
            let commands = Commands::new(Arc::new(self.connector.shard(address, &self.doubt)));
            if is_closed {
                commands.close();
            }
            commands
        };
        state.commands.entry(address.clone()).or_insert_with(connect).clone()
    }

    /// Opens no connection any more. Those that are open are used until they are lost.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.commands.values().for_each(Commands::close);
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
