//! [`Compared`], the outcome of comparing a log with its engine.

/// The outcome of [`Tail::compare`](super::Tail::compare).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The log has everything that the engine had.
    InStep,
    /// The engine has more events.
    Behind,
    /// The log has changed meanwhile. Read the engine and compare again.
    Moved,
    /// The log has events that the engine does not have, or another epoch. [`Tail::reset`](super::Tail::reset) replaces them.
    Diverged,
    /// The log is gone, or its topic is removed.
    Gone,
}
