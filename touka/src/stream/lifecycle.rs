//! [`Lifecycle`], which reports how a stream opens, goes on and ends.

use std::fmt;

use super::guard::guarded;
use super::link::Link;
use super::meter::Meter;
use crate::error::CloseReason;

/// Belongs to one stream and reports its end exactly once: when it is dropped. Without a reason until then,
/// the client has left.
pub(crate) struct Lifecycle {
    link: Link,
    /// Set when the response's body is first polled. A stream that is only read in this process, in a test
    /// for example, is not counted.
    meter: Option<Meter>,
    on_close: Option<OnClose>,
}

type OnClose = Box<dyn FnOnce(CloseReason) + Send>;

impl Lifecycle {
    pub(crate) const fn new(link: Link) -> Self {
        Self { link, meter: None, on_close: None }
    }

    pub(crate) const fn link(&self) -> &Link {
        &self.link
    }

    /// Records that a client has begun to read.
    pub(crate) fn open(&mut self) {
        self.link.set_opened();
        self.meter = Some(Meter::open(self.link.route()));
        tracing::debug!(target: "touka::stream", route = self.link.route(), "stream opened");
    }

    /// Records a frame with this number of events.
    pub(crate) fn record_write(&mut self, events: u32, bytes: usize) {
        self.link.add(events, bytes);
        if let Some(meter) = &mut self.meter {
            meter.record_write(events, bytes, &self.link);
        }
    }

    /// Adds a function that is called at the end.
    pub(super) fn on_close(&mut self, then: impl FnOnce(CloseReason) + Send + 'static) {
        self.on_close = Some(match self.on_close.take() {
            None => Box::new(then),
            Some(first) => Box::new(move |reason| {
                guarded("on_close", || first(reason));
                then(reason);
            }),
        });
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        let link = &self.link;
        let reason = link.reason();
        link.set_ended();
        if let Some(meter) = &self.meter {
            meter.close(reason, link);
            // Logged at `debug`: streams come and go by the thousand.
            tracing::debug!(
                target: "touka::stream",
                ?reason,
                route = link.route(),
                events = link.events(),
                bytes = link.bytes(),
                duration = ?link.age().unwrap_or_default(),
                "stream closed"
            );
        }
        let Some(on_close) = self.on_close.take() else { return };
        // A panic here during the unwinding of another one would abort the process.
        guarded("on_close", || on_close(reason));
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifecycle").field("link", &self.link).finish_non_exhaustive()
    }
}
