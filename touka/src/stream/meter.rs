//! What streams tell the `metrics` facade. Without that feature: nothing, at no cost.

#[cfg(feature = "metrics")]
pub(super) use facade::Meter;
#[cfg(not(feature = "metrics"))]
pub(super) use nothing::Meter;

#[cfg(feature = "metrics")]
mod facade {
    use metrics::{Counter, counter, gauge, histogram};

    use crate::error::CloseReason;
    use crate::stream::Link;

    /// The instruments of one open stream. Looked up when it opens, so that a frame costs two
    /// additions.
    pub(in crate::stream) struct Meter {
        route: String,
        events: Counter,
        bytes: Counter,
        begun: bool,
    }

    impl Meter {
        /// A stream that no route of touka's router made is filed under an empty route. The path
        /// would not do: whoever asks chooses it, and each value is a series for ever.
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

        pub(in crate::stream) fn wrote(&mut self, events: u32, bytes: usize, link: &Link) {
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

    impl Meter {
        pub(in crate::stream) const fn open(_: Option<&str>) -> Self {
            Self
        }

        #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "the same calls with and without")]
        pub(in crate::stream) const fn wrote(&mut self, _: u32, _: usize, _: &Link) {}

        #[expect(clippy::unused_self, reason = "the same calls with and without")]
        pub(in crate::stream) const fn close(&self, _: CloseReason, _: &Link) {}
    }
}
