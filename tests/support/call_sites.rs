//! Keeps `tracing` from going by one thread's subscriber.

use std::sync::OnceLock;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Has each call site of a log ask the subscriber of its thread, each time. A test whose log is that of
/// one thread calls this first, and so does each test beside it in the process.
///
/// While `tracing` knows of one subscriber alone, a call site asks that of the thread which comes first,
/// and keeps the answer. If that is another test's thread, which has none, then nothing is logged there
/// any more, not even on the thread whose test looks at the log.
/// (<https://github.com/tokio-rs/tracing/issues/3611>)
pub fn ask_each_time() {
    static CURIOUS: OnceLock<[Dispatch; 2]> = OnceLock::new();
    CURIOUS.get_or_init(|| [Dispatch::new(Curious), Dispatch::new(Curious)]);
}

/// Wants to be asked about everything. Nothing is logged with it.
struct Curious;

impl Subscriber for Curious {
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
