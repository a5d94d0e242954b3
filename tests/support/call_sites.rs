//! Keeps `tracing` from caching the interest of one thread's subscriber.

use std::sync::OnceLock;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Makes each call site ask the subscriber of its thread, each time. A test whose log belongs to one thread
/// calls this first, and so does each test beside it in the process.
///
/// While `tracing` knows only one subscriber, a call site asks the subscriber of the first thread that
/// reaches it, and caches the answer. If that is another test's thread, without a subscriber, nothing is
/// logged there any more, not even on the thread whose test reads the log.
/// (<https://github.com/tokio-rs/tracing/issues/3611>)
pub fn ask_each_time() {
    static UNDECIDED: OnceLock<[Dispatch; 2]> = OnceLock::new();
    UNDECIDED.get_or_init(|| [Dispatch::new(Undecided), Dispatch::new(Undecided)]);
}

/// A subscriber with an interest of `sometimes` in everything, which logs nothing.
struct Undecided;

impl Subscriber for Undecided {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
