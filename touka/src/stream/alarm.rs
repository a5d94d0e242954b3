//! [`Alarm`], a waker that remembers whether it was called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use crate::sync::Mutex;

/// A waker between a few futures and the task that polls them together with other work. The futures wake the
/// task through it, and the task can skip them when something else has woken it.
#[derive(Debug)]
pub(super) struct Alarm {
    has_rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Alarm {
    /// Creates an alarm that counts as woken, because new futures must be polled once.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { has_rung: AtomicBool::new(true), task: Mutex::new(None) })
    }

    /// Registers the task for the next wake-up, and returns whether there was one since the last call.
    pub(super) fn register(&self, task: &Waker) -> bool {
        let known = self.task.lock().as_ref().is_some_and(|known| known.will_wake(task));
        if !known {
            // A waker's code is not ours: it is cloned before the lock is taken, and dropped after it is
            // released.
            let task = task.clone();
            let _before = self.task.lock().replace(task);
        }
        // After the registration: a wake-up in between is seen here, or wakes the task.
        self.has_rung.swap(false, Ordering::AcqRel)
    }

    fn set(&self) {
        self.has_rung.store(true, Ordering::Release);
        // The woken task registers again with its next call.
        let task = self.task.lock().take();
        task.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts its wake-ups.
    #[derive(Default)]
    struct Counter(std::sync::atomic::AtomicU32);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_wake_up_is_seen_once_and_wakes_the_last_task() {
        let (first, second) = (Arc::<Counter>::default(), Arc::<Counter>::default());
        let count = |counter: &Counter| counter.0.load(Ordering::Relaxed);
        let alarm = Alarm::new();
        assert!(alarm.register(&first.clone().into()), "new futures are not polled");
        assert!(!alarm.register(&first.clone().into()));
        alarm.wake_by_ref();
        alarm.wake_by_ref();
        assert_eq!(count(&first), 1);
        assert!(alarm.register(&first.clone().into()));
        assert!(!alarm.register(&second.clone().into()));
        alarm.clone().wake();
        assert_eq!((count(&first), count(&second)), (1, 1));
        assert!(alarm.register(&second.into()));
    }
}
