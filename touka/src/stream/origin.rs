//! [`Origin`], where the events of one stream come from.

use std::pin::Pin;

use super::credential::Credential;
use super::guard::drop_guarded;
use super::link::Link;
use super::source::Source;
use crate::error::CloseReason;

/// Holds what is the user's of a stream. A destructor in it that panics ends this stream only.
pub(super) struct Origin<T> {
    /// Emitted before the response opened.
    pub(super) first: Option<T>,
    /// `None` when the stream has ended: all that the body held is dropped with it.
    pub(super) source: Option<Pin<Box<dyn Source<T>>>>,
    /// What the stream's right to go on depends on. It goes with the body.
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
        let credential = self.credential.take().is_none_or(|mut credential| credential.let_go());
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
