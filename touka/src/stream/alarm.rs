//! [`Alarm`], a waker that knows whether it was called.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Stands between some futures and the task that polls them with much else. The task is woken by the futures, and needs
/// not poll them when something else has woken it.
#[derive(Debug)]
pub(super) struct Alarm {
    has_rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Alarm {
    /// An alarm that has rung: futures that are new must be polled once.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { has_rung: AtomicBool::new(true), task: Mutex::new(None) })
    }

    /// Has the task woken by the next ring, and tells whether there was a ring since this was last asked.
    pub(super) fn ask(&self, task: &Waker) -> bool {
        let known = self.lock().as_ref().is_some_and(|known| known.will_wake(task));
        if !known {
            // A waker is code of whoever polls: it is cloned before the lock, and dropped after it.
            let task = task.clone();
            let _before = self.lock().replace(task);
        }
        // After the task was registered: a ring in between is seen here, or wakes it.
        self.has_rung.swap(false, Ordering::AcqRel)
    }

    fn ring(&self) {
        self.has_rung.store(true, Ordering::Release);
        // Registered anew when the task asks again, as it does when it was woken.
        let task = self.lock().take();
        task.into_iter().for_each(Waker::wake);
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Counter(std::sync::atomic::AtomicU32);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_ring_is_seen_once_and_wakes_the_task_that_asked_last() {
        let (first, second) = (Arc::<Counter>::default(), Arc::<Counter>::default());
        let count = |counter: &Counter| counter.0.load(Ordering::Relaxed);
        let alarm = Alarm::new();
        assert!(alarm.ask(&first.clone().into()), "new futures are not polled");
        assert!(!alarm.ask(&first.clone().into()));
        alarm.wake_by_ref();
        alarm.wake_by_ref();
        assert_eq!(count(&first), 1);
        assert!(alarm.ask(&first.clone().into()));
        assert!(!alarm.ask(&second.clone().into()));
        alarm.clone().wake();
        assert_eq!((count(&first), count(&second)), (1, 1));
        assert!(alarm.ask(&second.into()));
    }
}
