//! [`EndTest`], the user's choice of the last event of a stream.

use std::fmt;

use bytes::Bytes;

use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::{Failure, guarded};

/// The closure of [`Subscribe::until`](super::Subscribe::until), and its verdict.
///
/// The closure is user code. Call it in the stream's own task or turn, and never under a lock.
pub(crate) struct EndTest {
    is_last: Box<dyn FnMut(&Event) -> bool + Send>,
    /// The end of the stream, once its last event was tested.
    end: Option<Failure>,
}

impl EndTest {
    pub(super) fn new(is_last: impl FnMut(&Event) -> bool + Send + 'static) -> Self {
        Self { is_last: Box::new(is_last), end: None }
    }

    /// Tests a published event, which must be sent whatever the outcome: after a panic, the client must not get it
    /// again when it comes back. Returns whether it is the last event of the stream.
    pub(crate) fn is_last(&mut self, wire: &Bytes) -> bool {
        self.end = match guarded("the test of `until`", || (self.is_last)(&Event::from_wire(wire))) {
            Some(false) => None,
            Some(true) => Some(Failure::closed(CloseReason::Completed, None)),
            None => Some(Failure::panicked()),
        };
        self.end.is_some()
    }

    /// Whether the last event was tested.
    pub(super) const fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Takes the end of the stream, once its last event was tested.
    pub(crate) const fn take_end(&mut self) -> Option<Failure> {
        self.end.take()
    }
}

impl fmt::Debug for EndTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndTest").field("end", &self.end).finish_non_exhaustive()
    }
}
