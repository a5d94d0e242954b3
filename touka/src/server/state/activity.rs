//! [`Activity`], which tells whether a connection is idle.

/// The activity of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Activity {
    /// A request is being answered, or bytes are being written.
    Busy,
    /// All requests are answered, but HTTP/2 holds bytes that the client's window does not allow yet. The
    /// number is a count of bytes written so far: it changes with each write.
    Leaving(usize),
    /// No request is in progress and no bytes are left to be written.
    Idle,
}
