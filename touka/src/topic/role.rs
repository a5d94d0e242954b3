//! [`Role`], the kind of an entry of a log.

/// The kind of an entry of a log. It is stored in front of the entry's bytes, as one byte with which no event begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// An event, as clients get it.
    #[default]
    Event,
    /// An event that closes its topic: no other one follows.
    Last,
    /// A note from one node to others. Clients get nothing of it.
    Note,
}

const LAST: u8 = 1;
const NOTE: u8 = 2;

impl Role {
    /// The role of an entry with these bytes.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        match bytes.first() {
            Some(&LAST) => Self::Last,
            Some(&NOTE) => Self::Note,
            _ => Self::Event,
        }
    }

    /// The bytes that stand in front of an entry.
    pub(super) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::Event => &[],
            Self::Last => &[LAST],
            Self::Note => &[NOTE],
        }
    }
}
