//! [`Unused`], a value of the user that may be dropped before it is used.

use crate::stream::drop_guarded;

/// A value of the user, until it is used. If it is dropped before, a panic of its destructor is logged: a client that leaves
/// may drop several such values at once, and a second panic would abort the process.
pub(super) struct Unused<V>(Option<V>);

impl<V> Unused<V> {
    pub(super) const fn new(value: V) -> Self {
        Self(Some(value))
    }

    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) const fn get(&self) -> Option<&V> {
        self.0.as_ref()
    }

    /// Takes the value out, for its use.
    pub(super) const fn take(&mut self) -> Option<V> {
        self.0.take()
    }
}

impl<V> Drop for Unused<V> {
    fn drop(&mut self) {
        drop_guarded(self.0.take());
    }
}
