//! [`Filled`], what a round of polling has left, and whether it must be flushed.

/// What a round of polling left in the batch.
pub(super) enum Filled {
    /// Something to send, or the end.
    Frame(Flush),
    /// Nothing, and the stream waits.
    Waiting,
    /// Nothing, though the stream is ready: it emits events that have no wire form.
    Nothing,
}

/// Whether a frame must be flushed before the body runs on.
///
/// A server flushes what it has been given when a body is pending. So a body that runs code of the
/// user's is pending once after such a frame, and has itself polled again at once. That holds for a body
/// that waits, too, though it wakes its task: the task may have been woken while it could not ask the
/// body, because the client took nothing, or because a layer around the body had its own reasons.
///
/// A writer that writes each frame before it asks for the next one needs no such pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    Needless,
    Needed,
}
