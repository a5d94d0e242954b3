//! [`Meter`], the metrics of one stream for the `metrics` facade. Without that feature it does nothing, at no
//! cost.

#[cfg(feature = "metrics")]
pub(super) use facade::Meter;
#[cfg(feature = "metrics")]
pub(crate) use facade::describe;
#[cfg(not(feature = "metrics"))]
pub(super) use nothing::Meter;
#[cfg(not(feature = "metrics"))]
pub(crate) use nothing::describe;

#[cfg(feature = "metrics")]
mod facade {
    use metrics::{Counter, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

    use crate::error::CloseReason;
    use crate::stream::Link;

    /// Describes the metrics. A recorder that was installed before the server started shows the descriptions.
    pub(crate) fn describe() {
        describe_gauge!("touka_streams_open", Unit::Count, "Event streams that are open.");
        describe_counter!("touka_streams_opened_total", Unit::Count, "Event streams that a client has begun to read.");
        describe_counter!("touka_streams_closed_total", Unit::Count, "Event streams that have ended, by reason.");
        describe_counter!("touka_events_total", Unit::Count, "Events that were handed to connections.");
        describe_counter!("touka_bytes_total", Unit::Bytes, "Bytes of streams that were handed to connections.");
        describe_histogram!("touka_first_event_seconds", Unit::Seconds, "From a stream's opening to its first event.");
        describe_histogram!("touka_stream_seconds", Unit::Seconds, "How long streams were open.");
    }

    /// The metrics of one open stream. They are looked up when the stream opens, so that a frame costs two
    /// additions.
    pub(in crate::stream) struct Meter {
        route: String,
        events: Counter,
        bytes: Counter,
        begun: bool,
    }

    impl Meter {
        /// A stream that was not opened by a route of touka's router has an empty route. Its path is not
        /// used: the client chooses it, and each value would be a time series forever.
        pub(in crate::stream) fn open(route: Option<&str>) -> Self {
            let route = route.unwrap_or_default().to_owned();
            counter!("touka_streams_opened_total", "route" => route.clone()).increment(1);
            gauge!("touka_streams_open", "route" => route.clone()).increment(1);
            Self {
                events: counter!("touka_events_total", "route" => route.clone()),
                bytes: counter!("touka_bytes_total", "route" => route.clone()),
                route,
                begun: false,
            }
        }

        pub(in crate::stream) fn record_write(&mut self, events: u32, bytes: usize, link: &Link) {
            self.events.increment(events.into());
            self.bytes.increment(bytes as u64);
            if events > 0 && !self.begun {
                self.begun = true;
                histogram!("touka_first_event_seconds", "route" => self.route.clone())
                    .record(link.age().unwrap_or_default());
            }
        }

        pub(in crate::stream) fn close(&self, reason: CloseReason, link: &Link) {
            let route = || self.route.clone();
            gauge!("touka_streams_open", "route" => route()).decrement(1);
            counter!("touka_streams_closed_total", "route" => route(), "reason" => reason.as_str()).increment(1);
            histogram!("touka_stream_seconds", "route" => route()).record(link.age().unwrap_or_default());
        }
    }
}

#[cfg(not(feature = "metrics"))]
mod nothing {
    use crate::error::CloseReason;
    use crate::stream::Link;

    pub(in crate::stream) struct Meter;

    pub(crate) const fn describe() {}

    impl Meter {
        pub(in crate::stream) const fn open(_: Option<&str>) -> Self {
            Self
        }

        #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "the same calls with and without")]
        pub(in crate::stream) const fn record_write(&mut self, _: u32, _: usize, _: &Link) {}

        #[expect(clippy::unused_self, reason = "the same calls with and without")]
        pub(in crate::stream) const fn close(&self, _: CloseReason, _: &Link) {}
    }
}
