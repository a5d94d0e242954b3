//! [`Filled`], the outcome of a round of polling, and whether its frame must be flushed.

/// The outcome of a round of polling.
pub(super) enum Filled {
    /// The buffer has something to send, or the stream has ended.
    Frame(Flush),
    /// The buffer is empty and the stream is pending.
    Waiting,
    /// The buffer is empty though the stream is ready: its events have no wire form.
    Nothing,
}

/// Whether a frame must be flushed before the handler's body runs on.
///
/// A server flushes its frames when a response body is pending. So a response body that runs a handler's body is
/// pending once after such a frame, and wakes its task at once. This includes a handler's body that waits and
/// wakes the task itself: the task may have been woken while it could not poll the body, because the client took
/// nothing, or because of a layer around the body.
///
/// A writer that writes each frame before it polls for the next one needs no such pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    Needless,
    Needed,
}
