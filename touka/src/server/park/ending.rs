//! How the stream of a [`Parked`] client ends, apart from the end of its topic.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::parked::Parked;
use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::guarded;

impl Parked {
    /// Asks the credential, if that has news, whether the stream may go on; ends it if not.
    pub(super) fn ask_credential(&mut self) {
        let Self { endings: Some(endings), node, span, .. } = self else { return };
        let Some(credential) = &mut endings.credential else { return };
        let waker = Waker::from(Arc::clone(node));
        // What the user's futures log belongs to the stream.
        let polled = span.in_scope(|| credential.poll(&mut Context::from_waker(&waker)));
        if let Poll::Ready(failure) = polled {
            self.end(failure.reason, failure.event.as_deref());
        }
    }

    /// Ends the stream if its time has come, and tells whether it did.
    pub(super) fn end_in_time(&mut self, now: Instant) -> bool {
        let Some(reason) = self.life.is_over(now).filter(|_| !self.output.is_ending()) else { return false };
        // Of the longest lifetime and the credential, the credential alone has a last event.
        let credential = self.endings.as_mut().and_then(|endings| endings.credential.as_mut());
        let expired = credential.filter(|_| reason == CloseReason::Expired).and_then(|has| has.expired(now));
        self.end(reason, expired.and_then(|failure| failure.event).as_deref());
        true
    }

    /// Takes the event before a normal end. What the credential has of the user's is dropped at any end.
    pub(super) fn take_goodbye(&mut self) -> Option<Event> {
        let mut endings = self.endings.take()?;
        let goodbye = endings.goodbye.take();
        guarded("a stream's code", || self.span.in_scope(|| endings.let_go()));
        goodbye
    }
}
