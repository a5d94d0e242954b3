//! [`EventKeys`], the keys that an event is published with.

use std::sync::Arc;

/// The keys that an event is published with, each of at most 256 bytes. Clients do not get them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventKeys<'a> {
    /// The key of [`Topic::publish_keyed`](super::Topic::publish_keyed): the event supersedes earlier ones with it.
    pub key: Option<&'a str>,
    /// The idempotency key of [`Topic::publish_once`](super::Topic::publish_once): a later event with it is not published.
    pub once: Option<&'a str>,
}

/// [`EventKeys`] that are kept with the event.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptKeys {
    pub(crate) key: Option<Arc<str>>,
    pub(crate) once: Option<Arc<str>>,
}

impl EventKeys<'_> {
    pub(crate) fn to_kept(self) -> KeptKeys {
        KeptKeys { key: self.key.map(Into::into), once: self.once.map(Into::into) }
    }
}

impl KeptKeys {
    pub(crate) fn as_keys(&self) -> EventKeys<'_> {
        EventKeys { key: self.key.as_deref(), once: self.once.as_deref() }
    }

    /// The length of all keys in bytes.
    pub(crate) fn len(&self) -> usize {
        self.key.as_deref().map_or(0, str::len) + self.once.as_deref().map_or(0, str::len)
    }
}
