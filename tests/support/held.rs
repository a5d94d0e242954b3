//! Counts what handlers hold, to observe from outside when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that is incremented with each [`Held`] and decremented when it is dropped.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    /// The number of [`Held`] values.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Increments the number until the returned value is dropped.
    pub fn hold(&self) -> Held {
        self.add();
        Held(self.clone())
    }

    /// Increments the number for good.
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
