//! [`Guests`], the clients that wait for runs to begin.

use std::collections::HashMap;
use std::sync::Arc;

use crate::sync::Mutex;

/// The numbers of clients that wait for runs to begin, by key. These clients count as viewers.
#[derive(Debug, Default)]
pub(super) struct Guests(Mutex<HashMap<Arc<str>, usize>>);

impl Guests {
    pub(super) fn add(&self, key: &Arc<str>) {
        *self.0.lock().entry(Arc::clone(key)).or_default() += 1;
    }

    pub(super) fn remove(&self, key: &str) {
        let mut guests = self.0.lock();
        if let Some(count) = guests.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                guests.remove(key);
            }
        }
    }

    pub(super) fn count(&self, key: &str) -> usize {
        self.0.lock().get(key).copied().unwrap_or_default()
    }
}
