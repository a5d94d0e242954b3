//! [`Held`], the bytes that handlers hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of bytes that handlers hold of unfinished bodies: now, and at most so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<(AtomicUsize, AtomicUsize)>);

impl Held {
    pub(crate) fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    pub(crate) fn add(&self, bytes: usize) {
        let now = self.0.0.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.0.1.fetch_max(now, Ordering::SeqCst);
    }

    pub(crate) fn sub(&self, bytes: usize) {
        self.0.0.fetch_sub(bytes, Ordering::SeqCst);
    }
}
