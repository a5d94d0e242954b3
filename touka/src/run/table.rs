//! [`Runs`], the runs of a hub in this process.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::error::RunError;
use super::stopping::StopSignal;
use crate::stream::{notify_guarded, random};
use crate::sync::Mutex;
use crate::topic::{Hub, RunLog};

/// The runs of a hub in this process. Clones share them.
#[derive(Clone)]
pub(super) struct Runs(Arc<Inner>);

struct Inner {
    table: Mutex<Table>,
    /// Notified when a run has begun or ended here.
    changed: Notify,
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
    Starting,
    Running(Arc<Active>),
}

impl Here {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Running(one), Self::Running(other)) => Arc::ptr_eq(one, other),
            (Self::Starting, Self::Starting) => true,
            _ => false,
        }
    }
}

/// A body that runs.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) owner: Option<Arc<str>>,
    pub(super) signal: StopSignal,
    /// Why the run is to stop, once it is.
    reason: Mutex<Option<StopReason>>,
    /// Notified when the run is to stop.
    pub(super) asked: Notify,
    /// Whether the body has decided to be a stream.
    is_open: AtomicBool,
}

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    Stopped,
    Left,
    Shutdown,
    MaxRun,
}

impl Active {
    pub(super) fn new(owner: Option<Arc<str>>) -> Self {
        Self {
            owner,
            signal: StopSignal::default(),
            reason: Mutex::new(None),
            asked: Notify::new(),
            is_open: AtomicBool::new(false),
        }
    }

    /// Asks the body to stop. The first reason counts.
    pub(super) fn ask_to_stop(&self, reason: StopReason) {
        self.reason.lock().get_or_insert(reason);
        self.signal.request();
        notify_guarded(&self.asked);
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        *self.reason.lock()
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
        let (table, changed, compacting) = (Mutex::new(table), Notify::new(), tokio::sync::Mutex::new(()));
        Self(Arc::new(Inner { table, changed, compacting, node: random() }))
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
        table.here.insert(Arc::clone(key), Here::Starting);
        drop(table);
        Ok(Reserved::Free(Place { runs: self.clone(), key: Arc::clone(key), owner: owner.cloned() }))
    }

    /// Waits until another run has begun or ended than when this was polled first, unless `is_over`.
    pub(super) async fn changed(&self, is_over: impl Fn(&Self) -> bool) {
        let mut changed = pin!(self.0.changed.notified());
        // Before the check, so that no change is missed between the two.
        changed.as_mut().enable();
        if !is_over(self) {
            changed.await;
        }
    }

    /// Whether it is not decided yet whether there is a run with this key.
    pub(super) fn is_starting(&self, key: &str) -> bool {
        match self.0.table.lock().here.get(key) {
            Some(Here::Starting) => true,
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
    /// Records that the body has decided to be a stream.
    pub(super) fn set_open(&self, active: &Active) {
        active.is_open.store(true, Ordering::Release);
        notify_guarded(&self.runs.0.changed);
    }

    /// Records that the body runs. It is asked to stop at once if the hub shuts down.
    pub(super) fn set_running(&self, active: &Arc<Active>) {
        let is_closing = {
            let mut table = self.runs.0.table.lock();
            table.here.insert(Arc::clone(&self.key), Here::Running(Arc::clone(active)));
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
