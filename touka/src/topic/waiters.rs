//! [`Waiters`]: the readers that are to be woken when something is published.

use std::mem;
use std::task::Waker;

use crate::stream::guarded;

/// The wakers of readers that have read a log to its end.
///
/// Wakers are kept for one *round*. A publish takes all of them and begins the next round, so it meets
/// no reader twice, and a burst of readers leaves no memory behind. A reader that leaves within a
/// round makes its slot vacant for another. When three quarters of the slots are vacant, a new round
/// begins as well: the few readers that wait are woken and wait anew.
///
/// A waker is code of the reader's: nothing here clones, drops or wakes one. The caller does, without
/// the lock.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    round: u64,
    slots: Vec<Option<Waker>>,
    vacant: Vec<usize>,
}

/// A reader's slot, valid in one round.
#[derive(Debug)]
pub(crate) struct Place {
    round: u64,
    slot: usize,
}

impl Place {
    /// Of no round.
    pub(crate) const NONE: Self = Self { round: u64::MAX, slot: 0 };
}

/// Wakers that were taken out, to be woken or dropped without the lock.
#[derive(Debug, Default)]
#[must_use = "the wakers are woken when the lock is released"]
pub(super) struct Woken(Vec<Option<Waker>>);

/// Vacant slots that are never worth a new round.
const FEW: usize = 32;

impl Waiters {
    /// Keeps the waker in the reader's slot. What was there is given back, to be dropped without the
    /// lock.
    pub(super) fn wait(&mut self, place: &mut Place, waker: Waker) -> Option<Waker> {
        if place.round == self.round
            && let Some(slot) = self.slots.get_mut(place.slot)
        {
            return slot.replace(waker);
        }
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        *place = Place { round: self.round, slot };
        self.slots[slot] = Some(waker);
        None
    }

    /// Forgets the reader. The caller drops its waker and wakes the others, if there are any.
    pub(super) fn leave(&mut self, place: &mut Place) -> (Option<Waker>, Woken) {
        let Place { round, slot } = mem::replace(place, Place::NONE);
        if round != self.round {
            return (None, Woken::default());
        }
        let left = self.slots.get_mut(slot).and_then(Option::take);
        if left.is_some() {
            self.vacant.push(slot);
        }
        let waiting = self.slots.len() - self.vacant.len();
        let is_sparse = self.vacant.len() > FEW && waiting < self.slots.len() / 4;
        let woken = if waiting == 0 || is_sparse { self.take() } else { Woken::default() };
        (left, woken)
    }

    /// Takes all that wait, and begins the next round.
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
    /// Wakes them. A waker that panics costs the others nothing, nor the caller.
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

    fn crowd(waiters: &mut Waiters, readers: usize, waker: &Waker) -> Vec<Place> {
        let mut places: Vec<_> = (0..readers).map(|_| Place::NONE).collect();
        for place in &mut places {
            assert!(waiters.wait(place, waker.clone()).is_none());
        }
        places
    }

    #[test]
    fn a_reader_that_looks_again_has_one_slot() {
        let counts = Arc::new(Counts::default());
        let waker = Waker::from(Arc::clone(&counts));
        let mut waiters = Waiters::default();
        let mut place = Place::NONE;
        for looks in 0..5 {
            assert_eq!(waiters.wait(&mut place, waker.clone()).is_some(), looks > 0);
        }
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1);
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1, "it has not waited again");
        assert!(waiters.leave(&mut place).0.is_none());
    }

    #[test]
    fn slots_of_readers_that_left_are_used_again_and_given_back() {
        let counts = Arc::new(Counts::default());
        let waker = Waker::from(Arc::clone(&counts));
        let mut waiters = Waiters::default();
        let mut places = crowd(&mut waiters, 10_000, &waker);
        let mut stays = places.remove(5000);
        for mut place in places.drain(..) {
            let (left, woken) = waiters.leave(&mut place);
            drop(left);
            woken.wake();
            // The one that stays looks whenever it is woken.
            drop(waiters.wait(&mut stays, waker.clone()));
            let waiting = waiters.slots.len() - waiters.vacant.len();
            assert!(waiters.vacant.len() <= FEW.max(3 * waiting + 1), "{} for {waiting}", waiters.vacant.len());
        }
        assert!(waiters.slots.capacity() <= 4 * FEW, "{}", waiters.slots.capacity());
        let woken = counts.0.load(Ordering::Relaxed);
        assert!(woken < 10_000, "leaving woke {woken} readers");
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), woken + 1);
        // The last one leaves nothing.
        drop(waiters.wait(&mut stays, waker));
        drop(waiters.leave(&mut stays));
        assert_eq!((waiters.slots.capacity(), waiters.vacant.capacity()), (0, 0));
    }

    #[test]
    fn a_waker_that_panics_keeps_nobody_from_being_woken() {
        let counts = Arc::new(Counts::default());
        let mut waiters = Waiters::default();
        let mut places = crowd(&mut waiters, 3, &Waker::from(Arc::clone(&counts)));
        places.extend(crowd(&mut waiters, 2, &Waker::from(Arc::new(Panics))));
        places.extend(crowd(&mut waiters, 3, &Waker::from(Arc::clone(&counts))));
        waiters.take().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), 6);
    }
}
