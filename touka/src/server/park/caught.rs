//! [`caught`], the place where a user's code may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::panic_text;

/// A panic that was caught and logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panicked;

/// Runs something that can panic: a user's `Drop` or callback, a subscriber of `tracing`, a recorder
/// of metrics. What it leaves half done is only dropped afterwards.
pub(super) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, Panicked> {
    let panic = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(output) => return Ok(output),
        Err(panic) => panic,
    };
    // The log's subscriber and the panic's own payload are code of the user's, too.
    let log =
        || tracing::error!(target: "touka::server", panic = panic_text(&*panic), "a parked stream's code panicked");
    let logged = catch_unwind(AssertUnwindSafe(log));
    for payload in [Some(panic), logged.err()].into_iter().flatten() {
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // A payload whose `Drop` panics with such a payload: it is not dropped at all.
            std::mem::forget(again);
        }
    }
    Err(Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_panics_is_caught_as_well() {
        struct Payload;
        impl Drop for Payload {
            fn drop(&mut self) {
                std::panic::panic_any(Self);
            }
        }
        assert_eq!(caught(|| std::panic::panic_any(Payload)), Err::<(), _>(Panicked));
        assert_eq!(caught(|| 1), Ok(1));
    }
}
