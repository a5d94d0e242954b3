//! [`TrimmedMarks`], the marks of events that a log has trimmed.

use std::collections::VecDeque;

use super::position::{Mark, Tag};

/// The marks of the events that were trimmed last: proof that a client has seen one of them.
#[derive(Debug, Default)]
pub(super) struct TrimmedMarks(VecDeque<Mark>);

/// The maximum number of marks.
const MAX_MARKS: usize = 4096;

impl TrimmedMarks {
    pub(super) fn push(&mut self, mark: Mark) {
        if self.0.len() == MAX_MARKS {
            self.0.pop_front();
        }
        self.0.push_back(mark);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether an event with this offset and tag is among them.
    pub(super) fn has(&self, offset: u64, is_tag: impl Fn(Tag) -> bool) -> bool {
        let index = self.0.partition_point(|mark| mark.offset < offset);
        self.0.get(index).is_some_and(|mark| mark.offset == offset && is_tag(mark.tag))
    }
}
