//! The events of a [`Parked`] client whose handler chooses the last of them.

use super::parked::Parked;
use super::window::{Added, Building};
use crate::stream::Failure;

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
        let mut window = Building::new(seen, client.subscription.cursor.version());
        let mut end = test.take_end();
        while end.is_none() && !window.is_full() {
            let subscription = &mut client.subscription;
            let state = subscription.log.lock();
            let wire = match window.step(&mut subscription.cursor, &state.log) {
                Added::Event(event) => event.wire(),
                Added::Gap => continue,
                Added::Nothing => break,
                Added::End(reason, last) => {
                    end = Some(Failure::closed(reason, last.map(Box::new)));
                    break;
                }
            };
            // The test is user code: it runs without the log's lock, and within the stream's span.
            drop(state);
            client.span.in_scope(|| test.is_last(&wire));
            end = test.take_end();
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
