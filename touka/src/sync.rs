//! Locks that ignore poisoning.
//!
//! A lock is poisoned when a thread panics while holding it, because the value may be half changed. Here it never
//! is: user code does not run under a lock, or its panic is caught before it reaches the guard: the slot of a
//! stream catches the panic of an event's encoding. Refusing to lock after a panic would turn the failure of one
//! stream into the failure of all.

#[cfg(touka_shuttle)]
use shuttle::sync as primitives;
#[cfg(not(touka_shuttle))]
use std::sync as primitives;
use std::sync::PoisonError;

pub(crate) use primitives::MutexGuard;
#[cfg(any(feature = "disk", feature = "tls"))]
pub(crate) use primitives::{RwLockReadGuard, RwLockWriteGuard};

/// A mutex whose [`lock`](Self::lock) returns the guard, poisoned or not.
///
/// `std`'s mutex inside. In `tests/schedules`, where a scheduler tries the orders in which threads can run, shuttle's.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(primitives::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(primitives::Mutex::new(value))
    }

    /// Blocks the thread until it holds the lock.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader-writer lock whose methods return the guard, poisoned or not.
#[cfg(any(feature = "disk", feature = "tls"))]
#[derive(Debug)]
pub(crate) struct RwLock<T>(primitives::RwLock<T>);

#[cfg(any(feature = "disk", feature = "tls"))]
impl<T> RwLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(primitives::RwLock::new(value))
    }

    /// Blocks the thread until it shares the lock with other readers.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks the thread until it holds the lock alone.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_lock_is_usable_after_a_panic_under_it() {
        let lock = Arc::new(Mutex::new(1));
        let shared = Arc::clone(&lock);
        let panicked = thread::spawn(move || {
            let _guard = shared.lock();
            panic!("this thread panics on purpose");
        });
        assert!(panicked.join().is_err());
        *lock.lock() += 1;
        assert_eq!(*lock.lock(), 2);
    }
}
