//! The app's state: a kitchen. Its only connection to event streams is the conversion of an order into an
//! event.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::sleep;
use touka::{Event, IntoEvent};

/// How long an order is in each stage before the next.
pub(crate) const COOKING: Duration = Duration::from_secs(4);

/// The number of orders that are kept. The oldest is removed first.
pub(crate) const MAX_ORDERS: usize = 50;

/// An order of a dish.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) dish: String,
    pub(crate) stage: Stage,
    /// The version of the kitchen at this order's last change.
    #[serde(skip)]
    pub(crate) version: u64,
}

/// The stage of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    New,
    Cooking,
    Served,
}

impl IntoEvent for Order {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::json(&self)?.event("order"))
    }
}

/// The kitchen. Clones share one kitchen.
#[derive(Clone, Debug)]
pub(crate) struct Kitchen {
    board: Arc<Mutex<Board>>,
    /// The version of the latest change, which wakes watchers.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Board {
    orders: BTreeMap<u64, Order>,
    latest: u64,
    version: u64,
}

impl Kitchen {
    pub(crate) fn open() -> Self {
        Self { board: Arc::default(), changes: watch::channel(0).0 }
    }

    /// Accepts an order, and has it cooked.
    pub(crate) fn take(&self, dish: &str) -> Order {
        let mut board = self.lock();
        board.latest += 1;
        board.version += 1;
        let order = Order { number: board.latest, dish: dish.to_owned(), stage: Stage::New, version: board.version };
        board.orders.insert(order.number, order.clone());
        if board.orders.len() > MAX_ORDERS {
            board.orders.pop_first();
        }
        self.changes.send_replace(board.version);
        drop(board);
        tokio::spawn(self.clone().cook(order.number));
        order
    }

    async fn cook(self, number: u64) {
        for stage in [Stage::Cooking, Stage::Served] {
            sleep(COOKING).await;
            let mut board = self.lock();
            board.version += 1;
            let version = board.version;
            if let Some(order) = board.orders.get_mut(&number) {
                (order.stage, order.version) = (stage, version);
            }
            self.changes.send_replace(version);
        }
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.lock().orders.values().cloned().collect()
    }

    pub(crate) fn order(&self, number: u64) -> Option<Order> {
        self.lock().orders.get(&number).cloned()
    }

    /// Whether there was such an order that has been removed.
    pub(crate) fn has_removed(&self, number: u64) -> bool {
        let board = self.lock();
        (1..=board.latest).contains(&number) && !board.orders.contains_key(&number)
    }

    /// The orders that have changed since `version`, each in its current stage, in the order of their
    /// changes.
    pub(crate) fn changed_since(&self, version: u64) -> Vec<Order> {
        let mut orders = self.orders();
        orders.retain(|order| order.version > version);
        orders.sort_by_key(|order| order.version);
        orders
    }

    /// Returns a receiver that is notified of changes. Call this before reading the orders, so that no change
    /// is missed.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
