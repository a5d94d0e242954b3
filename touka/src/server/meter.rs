//! Metrics of requests, for the `metrics` facade. Without the feature `metrics` these are no-ops.

#[cfg(feature = "metrics")]
pub(super) use facade::{RequestTimer, count_stall, describe};
#[cfg(not(feature = "metrics"))]
pub(super) use nothing::{RequestTimer, count_stall, describe};

#[cfg(feature = "metrics")]
mod facade {
    use http::{Method, Response};
    use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
    use tokio::time::Instant;

    use crate::extract::MatchedPath;

    /// The time and the method of a request that was passed to the service.
    pub(in crate::server) struct RequestTimer {
        since: Instant,
        method: &'static str,
    }

    impl RequestTimer {
        pub(in crate::server) fn new(method: &Method) -> Self {
            Self { since: Instant::now(), method: name(method) }
        }

        /// Records the time to the head of the response. For a stream that is when it begins: its life is not
        /// latency.
        pub(in crate::server) fn record<B>(self, response: &Response<B>) {
            let route =
                response.extensions().get().map_or_else(String::new, |path: &MatchedPath| path.as_str().to_owned());
            let status = response.status().as_u16().to_string();
            histogram!("touka_request_seconds", "method" => self.method, "route" => route, "status" => status)
                .record(self.since.elapsed());
        }
    }

    /// Returns the method if it is a standard one. A client can send any method, and each value would create a
    /// series that is never removed.
    fn name(method: &Method) -> &'static str {
        const NAMES: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "PATCH", "TRACE"];
        NAMES.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
    }

    /// Counts a client to which writes are blocked.
    pub(in crate::server) fn count_stall() {
        counter!("touka_stalls_total").increment(1);
    }

    pub(in crate::server) fn describe() {
        let text = "Time from a request's head to the head of its response. The life of a stream is not included.";
        describe_histogram!("touka_request_seconds", Unit::Seconds, text);
        let text = "How often writes to a client became blocked, for the moment or for good.";
        describe_counter!("touka_stalls_total", Unit::Count, text);
    }
}

#[cfg(not(feature = "metrics"))]
mod nothing {
    use http::{Method, Response};

    pub(in crate::server) struct RequestTimer;

    impl RequestTimer {
        pub(in crate::server) const fn new(_: &Method) -> Self {
            Self
        }

        #[expect(clippy::unused_self, reason = "the same calls with and without")]
        pub(in crate::server) const fn record<B>(self, _: &Response<B>) {}
    }

    pub(in crate::server) const fn count_stall() {}

    pub(in crate::server) const fn describe() {}
}
