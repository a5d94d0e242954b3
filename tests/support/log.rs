//! [`Log`], what is logged on one thread.

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

/// What was logged on this thread since its log was started.
#[derive(Default)]
struct Notes {
    /// The spans by their ids, as text.
    spans: Vec<(u64, String)>,
    entered: Vec<u64>,
    lines: Vec<String>,
}

/// The only subscriber of the process, which keeps the lines of each thread apart: what a test sees depends on no
/// other test. Whether a line is of interest is settled once for all threads, so a subscriber of one thread could
/// miss lines.
#[derive(Debug)]
pub struct Log {
    /// The target of the test's own lines.
    own: &'static str,
}

impl Log {
    /// Makes it the subscriber of this process, before anything is logged. It notes what touka logs, and what has a
    /// target that begins with `own`.
    pub fn install(own: &'static str) {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| tracing::subscriber::set_global_default(Self { own }).expect("there is no other"));
    }

    /// Notes what is logged on this thread from now on.
    pub fn start() {
        NOTES.set(Some(Notes::default()));
    }

    /// The lines so far: the level of each, the span that it stands in, and its fields.
    pub fn lines() -> Vec<String> {
        note(|notes| notes.lines.clone()).expect("it was started")
    }

    /// The first line that holds this.
    pub fn line(part: &str) -> Option<String> {
        Self::lines().into_iter().find(|line| line.contains(part))
    }
}

fn note<T>(what: impl FnOnce(&mut Notes) -> T) -> Option<T> {
    // A line may be logged when a thread is about to end.
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
