//! [`Endings`], the ends of a stream other than the end of its topic.

use crate::event::Event;
use crate::stream::Credential;

/// An event that precedes the end, and a credential. Boxed by its users, since few streams have either.
#[derive(Debug)]
pub(super) struct Endings {
    /// The event that precedes a normal end.
    pub(super) goodbye: Option<Event>,
    pub(super) credential: Option<Box<Credential>>,
}

impl Endings {
    pub(super) fn new(goodbye: Option<Event>, credential: Option<Box<Credential>>) -> Option<Box<Self>> {
        let is_plain = goodbye.is_none() && credential.is_none();
        (!is_plain).then(|| Box::new(Self { goodbye, credential }))
    }

    /// Drops the user's code. Returns `false` if its destructor panicked.
    pub(super) fn let_go(mut self) -> bool {
        self.credential.as_mut().is_none_or(|credential| credential.let_go())
    }
}
