//! [`Runs`], the runs of a hub in this process.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::Notify;

use super::active::{Active, StopReason};
use super::error::RunError;
use super::guests::Guests;
use crate::stream::{notify_guarded, random, shielded};
use crate::sync::Mutex;
use crate::topic::{Hub, RunLog};

/// The runs of a hub in this process. Clones share them.
#[derive(Clone)]
pub(super) struct Runs(Arc<Inner>);

struct Inner {
    table: Mutex<Table>,
    /// Notified when a run has begun or ended here.
    changed: Notify,
    guests: Guests,
    /// Held by the caller that compacts a list of runs.
    compacting: tokio::sync::Mutex<()>,
    /// A random number, which tells this process from others.
    node: u64,
}

struct Table {
    here: HashMap<Arc<str>, Here>,
    /// The number of runs here of each owner.
    owners: HashMap<Arc<str>, usize>,
    /// The runs of other nodes that are watched here.
    watched: HashMap<Arc<str>, (RunLog, Arc<Notify>)>,
    max: usize,
    max_per_owner: usize,
    is_closing: bool,
}

/// A run whose body is in this process.
#[derive(Clone)]
pub(super) enum Here {
    /// A caller determines whether there is such a run, and starts it if not.
    Starting {
        owner: Option<Arc<str>>,
        /// Whether a client has waited for the run and left.
        is_visited: bool,
    },
    Running(Arc<Active>),
}

impl Here {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Running(one), Self::Running(other)) => Arc::ptr_eq(one, other),
            (Self::Starting { .. }, Self::Starting { .. }) => true,
            _ => false,
        }
    }
}

/// The result of [`Runs::reserve`].
pub(super) enum Reserved {
    /// The caller may start the run.
    Free(Place),
    Taken(Here),
}

/// The default for the number of runs in a process.
const MAX_RUNS: usize = 10_000;

impl Default for Runs {
    fn default() -> Self {
        let table = Table {
            here: HashMap::new(),
            owners: HashMap::new(),
            watched: HashMap::new(),
            max: MAX_RUNS,
            max_per_owner: usize::MAX,
            is_closing: false,
        };
        let (table, compacting) = (Mutex::new(table), tokio::sync::Mutex::new(()));
        let (changed, guests) = (Notify::new(), Guests::default());
        Self(Arc::new(Inner { table, changed, guests, compacting, node: random() }))
    }
}

impl Runs {
    /// The runs of this hub.
    pub(super) fn of(hub: &Hub) -> Self {
        // The hub has no other extension.
        hub.extension::<Self>().cloned().unwrap_or_default()
    }

    pub(super) fn node(&self) -> u64 {
        self.0.node
    }

    /// The clients that wait for runs to begin.
    pub(super) fn guests(&self) -> &Guests {
        &self.0.guests
    }

    /// Waits for the turn to compact a list.
    pub(super) async fn compacting(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.compacting.lock().await
    }

    pub(super) fn set_max(&self, most: usize) {
        self.0.table.lock().max = most;
    }

    pub(super) fn set_max_per_owner(&self, most: usize) {
        self.0.table.lock().max_per_owner = most;
    }

    /// The run with this key, if its body is in this process.
    pub(super) fn get(&self, key: &str) -> Option<Here> {
        self.0.table.lock().here.get(key).cloned()
    }

    /// Reserves a key, so that one caller at a time starts its run.
    pub(super) fn reserve(&self, key: &Arc<str>, owner: Option<&Arc<str>>) -> Result<Reserved, RunError> {
        let mut table = self.0.table.lock();
        if let Some(here) = table.here.get(key) {
            return Ok(Reserved::Taken(here.clone()));
        }
        if table.is_closing {
            return Err(RunError::shutting_down());
        }
        if table.here.len() >= table.max {
            return Err(RunError::too_many(table.max));
        }
        if let Some(owner) = owner {
            let most = table.max_per_owner;
            let count = table.owners.get(owner).copied().unwrap_or_default();
            if count >= most {
                return Err(RunError::too_many_of_owner(most));
            }
            table.owners.insert(Arc::clone(owner), count + 1);
        }
        let starting = Here::Starting { owner: owner.cloned(), is_visited: false };
        table.here.insert(Arc::clone(key), starting);
        drop(table);
        Ok(Reserved::Free(Place { runs: self.clone(), key: Arc::clone(key), owner: owner.cloned() }))
    }

    /// Records that a client that waited for this run has left.
    pub(super) fn visit(&self, key: &str, owner: Option<&Arc<str>>) {
        let active = match self.0.table.lock().here.get_mut(key) {
            Some(Here::Starting { owner: own, is_visited }) if own.as_ref() == owner => {
                *is_visited = true;
                None
            }
            Some(Here::Running(active)) if active.owner.as_ref() == owner => Some(Arc::clone(active)),
            _ => None,
        };
        if let Some(active) = active {
            active.visit();
        }
    }

    /// Waits until another run has begun or ended than when this was polled first, unless `is_over`.
    pub(super) async fn changed(&self, is_over: impl Fn(&Self) -> bool) {
        let mut changed = pin!(self.0.changed.notified());
        // Before the check, so that no change is missed between the two.
        changed.as_mut().enable();
        if !is_over(self) {
            shielded(changed).await;
        }
    }

    /// Whether it is not decided yet whether there is a run with this key.
    pub(super) fn is_starting(&self, key: &str) -> bool {
        match self.0.table.lock().here.get(key) {
            Some(Here::Starting { .. }) => true,
            Some(Here::Running(active)) => !active.is_open(),
            None => false,
        }
    }

    /// Waits until the key is free of this run.
    pub(super) async fn left(&self, key: &str, here: &Here) {
        let is_left = |runs: &Self| !runs.get(key).is_some_and(|now| now.is_same(here));
        while !is_left(self) {
            self.changed(is_left).await;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.table.lock().here.is_empty()
    }

    /// Starts no more runs, and asks those that are here to stop.
    pub(super) fn close(&self) {
        let running: Vec<_> = {
            let mut table = self.0.table.lock();
            table.is_closing = true;
            table.here.values().cloned().collect()
        };
        for here in running {
            if let Here::Running(active) = here {
                active.ask_to_stop(StopReason::Shutdown);
            }
        }
    }

    /// Marks the run of another node as watched. Returns `None` if it is already, and lets its task look again.
    pub(super) fn watch(&self, key: &Arc<str>, log: &RunLog) -> Option<Watched> {
        let mut table = self.0.table.lock();
        if let Some((known, poked)) = table.watched.get(key)
            && known.is_same(log)
        {
            poked.notify_one();
            return None;
        }
        let poked = Arc::new(Notify::new());
        // An earlier run with this key has ended, and its task ends.
        let replaced = table.watched.insert(Arc::clone(key), (log.clone(), Arc::clone(&poked)));
        drop(table);
        drop(replaced);
        Some(Watched { runs: self.clone(), key: Arc::clone(key), poked })
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs").field("here", &self.0.table.lock().here.len()).finish_non_exhaustive()
    }
}

/// The reservation of a key, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    runs: Runs,
    key: Arc<str>,
    owner: Option<Arc<str>>,
}

impl Place {
    /// The number of clients that wait for the run to begin.
    pub(super) fn guests(&self) -> usize {
        self.runs.guests().count(&self.key)
    }

    /// Records that the body has decided to be a stream.
    pub(super) fn set_open(&self, active: &Active) {
        active.set_open();
        notify_guarded(&self.runs.0.changed);
    }

    /// Records that the body runs. It is asked to stop at once if the hub shuts down.
    pub(super) fn set_running(&self, active: &Arc<Active>) {
        let is_closing = {
            let mut table = self.runs.0.table.lock();
            let before = table.here.insert(Arc::clone(&self.key), Here::Running(Arc::clone(active)));
            if matches!(before, Some(Here::Starting { is_visited: true, .. })) {
                active.mark_visited();
            }
            table.is_closing
        };
        notify_guarded(&self.runs.0.changed);
        if is_closing {
            active.ask_to_stop(StopReason::Shutdown);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut table = self.runs.0.table.lock();
            table.here.remove(&self.key);
            if let Some(owner) = &self.owner
                && let Some(count) = table.owners.get_mut(owner)
            {
                *count -= 1;
                if *count == 0 {
                    table.owners.remove(owner);
                }
            }
        }
        notify_guarded(&self.runs.0.changed);
    }
}

/// The mark that a run is watched, until it is dropped.
#[derive(Debug)]
pub(super) struct Watched {
    runs: Runs,
    key: Arc<str>,
    /// Notified when the task is to look again.
    pub(super) poked: Arc<Notify>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut table = self.runs.0.table.lock();
        let is_own = table.watched.get(&self.key).is_some_and(|(_, poked)| Arc::ptr_eq(poked, &self.poked));
        let removed = if is_own { table.watched.remove(&self.key) } else { None };
        drop(table);
        // May be the last handle of the topic, whose lease is the engine's code.
        drop(removed);
    }
}
