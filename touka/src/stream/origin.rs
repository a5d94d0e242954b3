//! [`Origin`], the source of one stream's events.

use std::pin::Pin;

use super::credential::Credential;
use super::guard::drop_guarded;
use super::link::Link;
use super::source::Source;
use crate::error::CloseReason;

/// Owns the parts of a stream that are user code. A destructor that panics ends this stream only.
pub(super) struct Origin<T> {
    /// The event that was emitted before the response opened.
    pub(super) first: Option<T>,
    /// `None` when the stream has ended: everything that the body holds is dropped then.
    pub(super) source: Option<Pin<Box<dyn Source<T>>>>,
    /// The conditions under which the stream may stay open. Dropped with the body.
    pub(super) credential: Option<Box<Credential>>,
    link: Link,
}

impl<T> Origin<T> {
    pub(super) const fn new(first: Option<T>, source: Option<Pin<Box<dyn Source<T>>>>, link: Link) -> Self {
        Self { first, source, credential: None, link }
    }

    /// Drops the first event, the body and the credential.
    pub(super) fn clear(&mut self) {
        let (first, source) = (self.first.take(), self.source.take());
        let (first, source) = (drop_guarded(first), drop_guarded(source));
        let credential = self.credential.take().is_none_or(|mut credential| credential.drop_futures());
        if !(first && source && credential) {
            self.link.close(CloseReason::Panicked);
        }
    }
}

impl<T> Drop for Origin<T> {
    fn drop(&mut self) {
        self.clear();
    }
}
