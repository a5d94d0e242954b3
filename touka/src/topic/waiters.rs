//! [`Waiters`], who is to be woken when something is published.

use std::mem;
use std::task::Waker;

/// The wakers of those who have read a log to its end. Each reader has a place of its own, so that
/// one who looks again without news does not stand here twice.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
    /// How many of the places have a waker: with none, a publish looks at nothing.
    waiting: usize,
}

/// A reader's place, once it had to wait.
#[derive(Debug)]
pub(crate) struct Place(Option<usize>);

impl Place {
    pub(crate) const NONE: Self = Self(None);
}

impl Waiters {
    /// Keeps the waker at the reader's place.
    pub(super) fn wait(&mut self, place: &mut Place, waker: &Waker) {
        let index = *place.0.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.places.push(None);
                self.places.len() - 1
            })
        });
        match &mut self.places[index] {
            Some(kept) => kept.clone_from(waker),
            vacant => {
                *vacant = Some(waker.clone());
                self.waiting += 1;
            }
        }
    }

    /// The reader is gone.
    pub(super) fn leave(&mut self, place: &mut Place) {
        let Some(index) = place.0.take() else { return };
        if self.places[index].take().is_some() {
            self.waiting -= 1;
        }
        self.free.push(index);
    }

    /// All that wait, to be woken outside of the lock.
    pub(super) fn take(&mut self) -> Vec<Waker> {
        if mem::take(&mut self.waiting) == 0 {
            return Vec::new();
        }
        self.places.iter_mut().filter_map(Option::take).collect()
    }
}
