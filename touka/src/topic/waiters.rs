//! [`Waiters`]: the readers that are woken when an event is published.

use std::mem;
use std::task::Waker;

use crate::stream::guarded;

/// The wakers of readers that have read a log to its end.
///
/// Wakers are registered for one *round*. A publish takes all of them and begins the next round, so it wakes no reader
/// twice, and a burst of readers leaves no memory behind. When a reader leaves within a round, another one can take its
/// slot. When three quarters of the slots are vacant, a new round begins as well: the remaining readers are woken and
/// register again.
///
/// A waker is the reader's code, so these methods never clone, drop or wake one. The caller does that after it has
/// released the lock.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    round: u64,
    slots: Vec<Option<Waker>>,
    vacant: Vec<usize>,
}

/// A reader's slot, valid in one round.
#[derive(Debug)]
pub(crate) struct WaiterSlot {
    round: u64,
    slot: usize,
}

impl WaiterSlot {
    /// A slot of no round.
    pub(crate) const NONE: Self = Self { round: u64::MAX, slot: 0 };
}

/// Wakers that were taken out. They are woken or dropped after the lock is released.
#[derive(Debug, Default)]
#[must_use = "the wakers are woken when the lock is released"]
pub(super) struct Woken(Vec<Option<Waker>>);

/// The number of vacant slots that are never worth a new round.
const MIN_VACANT: usize = 32;

impl Waiters {
    /// Registers the waker in the reader's slot. Returns the previous waker, to be dropped after the lock is released.
    pub(super) fn wait(&mut self, own: &mut WaiterSlot, waker: Waker) -> Option<Waker> {
        if own.round == self.round
            && let Some(slot) = self.slots.get_mut(own.slot)
        {
            return slot.replace(waker);
        }
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        *own = WaiterSlot { round: self.round, slot };
        self.slots[slot] = Some(waker);
        None
    }

    /// Removes the reader. Returns its waker, to be dropped, and those of a round that has ended, to be woken.
    pub(super) fn leave(&mut self, own: &mut WaiterSlot) -> (Option<Waker>, Woken) {
        let WaiterSlot { round, slot } = mem::replace(own, WaiterSlot::NONE);
        if round != self.round {
            return (None, Woken::default());
        }
        let left = self.slots.get_mut(slot).and_then(Option::take);
        if left.is_some() {
            self.vacant.push(slot);
        }
        let waiting = self.slots.len() - self.vacant.len();
        let is_sparse = self.vacant.len() > MIN_VACANT && waiting < self.slots.len() / 4;
        let woken = if waiting == 0 || is_sparse { self.take() } else { Woken::default() };
        (left, woken)
    }

    /// Takes all wakers and begins the next round.
    pub(super) fn take(&mut self) -> Woken {
        if self.slots.is_empty() {
            return Woken::default();
        }
        self.round += 1;
        self.vacant = Vec::new();
        Woken(mem::take(&mut self.slots))
    }
}

impl Woken {
    /// Wakes all of them. A waker that panics affects neither the others nor the caller.
    pub(super) fn wake(self) {
        let mut wakers = self.0.into_iter().flatten();
        while guarded("the waker of a reader", || wakers.by_ref().for_each(Waker::wake)).is_none() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("this waker panics on purpose");
        }
    }

    fn crowd(waiters: &mut Waiters, readers: usize, waker: &Waker) -> Vec<WaiterSlot> {
        let mut slots: Vec<_> = (0..readers).map(|_| WaiterSlot::NONE).collect();
        for slot in &mut slots {
            assert!(waiters.wait(slot, waker.clone()).is_none());
        }
        slots
    }

    #[test]
    fn a_reader_that_registers_again_has_one_slot() {
        let counts = Arc::new(Counts::default());
        let waker = Waker::from(Arc::clone(&counts));
        let mut waiters = Waiters::default();
        let mut slot = WaiterSlot::NONE;
        for looks in 0..5 {
            assert_eq!(waiters.wait(&mut slot, waker.clone()).is_some(), looks > 0);
        }
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1);
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1, "it has not registered again");
        assert!(waiters.leave(&mut slot).0.is_none());
    }

    #[test]
    fn slots_of_readers_that_left_are_reused_and_freed() {
        let counts = Arc::new(Counts::default());
        let waker = Waker::from(Arc::clone(&counts));
        let mut waiters = Waiters::default();
        let mut slots = crowd(&mut waiters, 10_000, &waker);
        let mut stays = slots.remove(5000);
        for mut slot in slots.drain(..) {
            let (left, woken) = waiters.leave(&mut slot);
            drop(left);
            woken.wake();
            // The reader that stays registers again whenever it is woken.
            drop(waiters.wait(&mut stays, waker.clone()));
            let waiting = waiters.slots.len() - waiters.vacant.len();
            assert!(waiters.vacant.len() <= MIN_VACANT.max(3 * waiting + 1), "{} for {waiting}", waiters.vacant.len());
        }
        assert!(waiters.slots.capacity() <= 4 * MIN_VACANT, "{}", waiters.slots.capacity());
        let woken = counts.0.load(Ordering::Relaxed);
        assert!(woken < 10_000, "leaving woke {woken} readers");
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), woken + 1);
        // The last reader leaves no memory behind.
        drop(waiters.wait(&mut stays, waker));
        drop(waiters.leave(&mut stays));
        assert_eq!((waiters.slots.capacity(), waiters.vacant.capacity()), (0, 0));
    }

    #[test]
    fn a_panicking_waker_does_not_affect_other_readers() {
        let counts = Arc::new(Counts::default());
        let mut waiters = Waiters::default();
        let mut slots = crowd(&mut waiters, 3, &Waker::from(Arc::clone(&counts)));
        slots.extend(crowd(&mut waiters, 2, &Waker::from(Arc::new(Panics))));
        slots.extend(crowd(&mut waiters, 3, &Waker::from(Arc::clone(&counts))));
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), 6);
    }
}
