//! [`Endings`], the ends of a stream other than the end of its topic.

use crate::event::Event;
use crate::stream::{Credential, drop_guarded};
use crate::topic::EndTest;

/// An event that precedes the end, a credential, and a test for the last event. Boxed by its users, since few streams
/// have any of these.
#[derive(Debug)]
pub(super) struct Endings {
    /// The event that precedes a normal end.
    pub(super) end_event: Option<Event>,
    pub(super) credential: Option<Box<Credential>>,
    pub(super) test: Option<EndTest>,
}

impl Endings {
    pub(super) fn new(
        end_event: Option<Event>,
        credential: Option<Box<Credential>>,
        test: Option<EndTest>,
    ) -> Option<Box<Self>> {
        let is_plain = end_event.is_none() && credential.is_none() && test.is_none();
        (!is_plain).then(|| Box::new(Self { end_event, credential, test }))
    }

    /// Drops the user's code. Returns `false` if a destructor panicked.
    pub(super) fn drop_user_code(mut self) -> bool {
        let is_dropped = drop_guarded(self.test.take());
        self.credential.as_mut().is_none_or(|credential| credential.drop_futures()) && is_dropped
    }
}
