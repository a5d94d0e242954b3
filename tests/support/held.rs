//! Counts what handlers hold, to see from outside when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that goes up with each [`Held`] and down when it is dropped.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    /// How many are held now.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Holds one more.
    pub fn hold(&self) -> Held {
        self.add();
        Held(self.clone())
    }

    /// Counts one that is never taken back.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Part of a [`Count`] until it is dropped.
#[derive(Debug)]
pub struct Held(Count);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
