//! [`Log`], the log of one thread.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    static NOTES: RefCell<Option<Notes>> = const { RefCell::new(None) };
}

/// The log of this thread since [`Log::start`].
#[derive(Default)]
struct Notes {
    /// The spans by their ids, as text.
    spans: Vec<(u64, String)>,
    entered: Vec<u64>,
    lines: Vec<String>,
}

/// The only subscriber of the process, which separates the lines of each thread: a test sees no lines of
/// other tests. `tracing` caches a call site's interest for all threads, so a subscriber of one thread could
/// miss lines.
#[derive(Debug)]
pub struct Log {
    /// The target of the test's own lines.
    own: &'static str,
}

impl Log {
    /// Makes a log the global subscriber of this process, before anything is logged. It records touka's
    /// lines, and those with a target that begins with `own`.
    pub fn install(own: &'static str) {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED
            .get_or_init(|| tracing::subscriber::set_global_default(Self { own }).expect("the only global subscriber"));
    }

    /// Starts a new log on this thread.
    pub fn start() {
        NOTES.set(Some(Notes::default()));
    }

    /// The lines so far: the level of each, its span, and its fields.
    pub fn lines() -> Vec<String> {
        note(|notes| notes.lines.clone()).expect("the log was started")
    }

    /// The first line that contains `part`.
    pub fn line(part: &str) -> Option<String> {
        Self::lines().into_iter().find(|line| line.contains(part))
    }
}

fn note<T>(what: impl FnOnce(&mut Notes) -> T) -> Option<T> {
    // A line may be logged while a thread ends.
    NOTES.try_with(|notes| notes.borrow_mut().as_mut().map(what)).ok().flatten()
}

/// Fields as text.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("touka") || metadata.target().starts_with(self.own)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut text = Text(format!("[{}", span.metadata().name()));
        span.record(&mut text);
        note(|notes| notes.spans.push((id, text.0 + "]")));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let level = event.metadata().level();
        note(|notes| {
            let inside = notes.entered.last();
            let span = notes.spans.iter().find(|(id, _)| Some(id) == inside).map_or("", |(_, span)| span);
            notes.lines.push(format!("{level} {span}{}", text.0));
        });
    }

    fn enter(&self, span: &Id) {
        note(|notes| notes.entered.push(span.into_u64()));
    }

    fn exit(&self, _: &Id) {
        note(|notes| notes.entered.pop());
    }
}
