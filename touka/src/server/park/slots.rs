//! [`Slots`], a slab of values at stable indices.

/// The number of values in a page. Pages never move, so growth copies nothing and frees no block of the old size.
const PAGE: usize = 64;

/// Values by index. The indices of removed values are reused.
#[derive(Debug)]
pub(super) struct Slots<V> {
    pages: Vec<Box<[Option<V>]>>,
    free: Vec<usize>,
    len: usize,
}

impl<V> Slots<V> {
    pub(super) const fn new() -> Self {
        Self { pages: Vec::new(), free: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// An upper bound, exclusive, of all indices that are or were in use.
    pub(super) const fn end(&self) -> usize {
        self.pages.len() * PAGE
    }

    pub(super) fn insert_with(&mut self, make: impl FnOnce(usize) -> V) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            let first = self.end();
            self.pages.push((0..PAGE).map(|_| None).collect());
            // The lowest index is popped first.
            self.free.extend((first + 1..first + PAGE).rev());
            first
        });
        if let Some(slot) = self.slot(index) {
            *slot = Some(make(index));
            self.len += 1;
        }
        index
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut V> {
        self.slot(index)?.as_mut()
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<V> {
        let value = self.slot(index)?.take()?;
        self.free.push(index);
        self.len -= 1;
        Some(value)
    }

    fn slot(&mut self, index: usize) -> Option<&mut Option<V>> {
        self.pages.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_stable_and_reused() {
        let mut slots = Slots::new();
        let indices: Vec<_> = (0..200).map(|value| slots.insert_with(|index| (index, value))).collect();
        assert_eq!(indices, (0..200).collect::<Vec<_>>());
        assert_eq!(slots.remove(70), Some((70, 70)));
        assert_eq!(slots.remove(70), None);
        assert_eq!(slots.len(), 199);
        assert_eq!(slots.insert_with(|index| (index, 7)), 70);
        assert_eq!(slots.get_mut(70), Some(&mut (70, 7)));
        assert!((0..slots.end()).filter(|&index| slots.get_mut(index).is_some()).eq(0..200));
        assert_eq!(slots.get_mut(100_000), None);
    }
}
