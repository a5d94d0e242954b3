//! [`Roles`], the entries of a log that readers do not read one like the other: notes, and the last event.

use super::role::Role;

/// The entries of a log that are not ordinary events, as far as readers must know of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roles {
    /// Whether the newest entry is the last one of its topic.
    is_complete: bool,
    irregular: u64,
}

impl Roles {
    /// Counts an entry that is appended.
    #[inline]
    pub(super) fn count(&mut self, role: Role) {
        if role != Role::Event {
            self.irregular += 1;
            self.is_complete |= role == Role::Last;
        }
    }

    /// Continues to count after the log that is replaced by this one.
    pub(super) const fn follow(&mut self, replaced: Self) {
        self.irregular += replaced.irregular;
    }

    pub(super) const fn is_complete(self) -> bool {
        self.is_complete
    }

    /// The number of entries that are not ordinary events.
    pub(super) const fn irregular(self) -> u64 {
        self.irregular
    }
}
