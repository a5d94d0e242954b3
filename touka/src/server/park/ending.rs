//! The ends of a [`Parked`] client's stream other than the end of its topic.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::client::Client;
use super::parked::Parked;
use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::guarded;

impl Parked {
    /// Polls the credential, and ends the stream if the credential is no longer valid.
    pub(super) fn poll_credential(&mut self) {
        let Self { client: Client { endings: Some(endings), span, .. }, key_waker, .. } = self else { return };
        let Some(credential) = &mut endings.credential else { return };
        let waker = Waker::from(Arc::clone(key_waker));
        // Within the stream's span, for what the user's futures log.
        let polled = span.in_scope(|| credential.poll(&mut Context::from_waker(&waker)));
        if let Poll::Ready(failure) = polled {
            self.end(failure.reason, failure.event.as_deref());
        }
    }

    /// Ends the stream if its end is due. Returns whether it did.
    pub(super) fn end_in_time(&mut self, now: Instant) -> bool {
        let Some(reason) = self.client.life.is_over(now).filter(|_| !self.client.output.is_ending()) else {
            return false;
        };
        // Both the maximum lifetime and the credential can expire; only the credential has a last event.
        let credential = self.client.endings.as_mut().and_then(|endings| endings.credential.as_mut());
        let expired = credential.filter(|_| reason == CloseReason::Expired).and_then(|has| has.expired(now));
        self.end(reason, expired.and_then(|failure| failure.event).as_deref());
        true
    }

    /// Takes the event that precedes a normal end. The user's part of the credential is dropped at any end.
    pub(super) fn take_end_event(&mut self) -> Option<Event> {
        let mut endings = self.client.endings.take()?;
        let end_event = endings.end_event.take();
        guarded("a stream's code", || self.client.span.in_scope(|| endings.drop_user_code()));
        end_event
    }
}
