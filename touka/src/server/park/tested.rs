//! The events of a [`Parked`] client whose handler chooses the last of them.

use bytes::Bytes;

use super::parked::Parked;
use super::window::Building;
use crate::stream::Failure;
use crate::topic::{Ahead, Subscription, lagged};

impl Parked {
    /// Whether each event must be tested before the next one is read.
    pub(super) fn is_tested(&self) -> bool {
        self.client.endings.as_ref().is_some_and(|endings| endings.test.is_some())
    }

    /// Begins the next events, and the end of the stream after its last event. Returns `false` if there is neither.
    ///
    /// The events become pending bytes. A window would be built again after the socket has taken a part of it, and each
    /// event is tested once.
    pub(super) fn begin_tested(&mut self) -> bool {
        let client = &mut self.client;
        let Some(mut test) = client.endings.as_mut().and_then(|endings| endings.test.take()) else { return false };
        let seen = client.subscription.cursor.seen();
        let mut window = Building::new(seen, client.subscription.cursor.ends());
        let mut end = test.take_end();
        while end.is_none() && !window.is_full() {
            match read(&mut client.subscription, &mut window) {
                // Without the log's lock, and within the stream's span: the test is user code.
                Next::Event(wire) => client.span.in_scope(|| {
                    test.is_last(&wire);
                    end = test.take_end();
                }),
                Next::Notice => {}
                Next::Nothing => break,
                Next::End(failure) => end = Some(failure),
            }
        }
        if let Some(endings) = &mut client.endings {
            endings.test = Some(test);
        }
        let window = window.finish();
        let (written, is_empty) = (window.written(seen, usize::MAX), window.is_empty());
        client.lifecycle.record_write(written.events, written.bytes);
        client.output.begin(window.into_bytes());
        if let Some(failure) = &end {
            self.end(failure.reason, failure.event.as_deref());
        }
        end.is_some() || !is_empty
    }
}

/// The outcome of reading one item into a window.
enum Next {
    /// A published event, which is in the window.
    Event(Bytes),
    /// A `gap`, which is in the window.
    Notice,
    /// No event for now, or the next one belongs into another window.
    Nothing,
    End(Failure),
}

/// Reads the next item of the client's topic into the window.
fn read(subscription: &mut Subscription, window: &mut Building) -> Next {
    let Subscription { log, cursor, .. } = subscription;
    let before = cursor.seen();
    let state = log.lock();
    match cursor.step(&state.log) {
        Ahead::Event(event) => {
            if window.put_chunk(event.chunk(), event.wire_len(), cursor.seen()) {
                return Next::Event(event.wire());
            }
            cursor.skip_to(before);
            Next::Nothing
        }
        Ahead::Skipped { from, to } => {
            window.put_own(&lagged(&state.log, from, to), to);
            Next::Notice
        }
        Ahead::Nothing => Next::Nothing,
        Ahead::End(reason, last) => Next::End(Failure { reason, event: last.map(Box::new) }),
    }
}
