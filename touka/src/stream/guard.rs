//! Runs code of the user's, whose panics cost nothing but its own stream.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::panic_text;

/// What a panic was called with.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Runs code of the user's, and gives back its panic. What the panic left half done must not be used
/// again, only dropped.
#[inline]
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(code))
}

/// Runs code of the user's; `None` if it panicked, which is logged.
#[inline]
pub(crate) fn guarded<R>(what: &'static str, code: impl FnOnce() -> R) -> Option<R> {
    match catch(code) {
        Ok(value) => Some(value),
        Err(panic) => {
            log_panic(what, panic);
            None
        }
    }
}

/// Drops a value of the user's; false if that panicked, which is logged.
pub(crate) fn drop_guarded<V>(value: V) -> bool {
    guarded("a destructor", || drop(value)).is_some()
}

/// Drops values of the user's one by one. Each is dropped though another's destructor has panicked: a
/// second panic on the way out of a first one would abort the process.
#[derive(Default)]
pub(super) struct Dropping(Option<Panic>);

impl Dropping {
    /// Runs code that drops one of them.
    pub(super) fn run(&mut self, code: impl FnOnce()) {
        match (catch(code), &self.0) {
            (Ok(()), _) => {}
            (Err(panic), None) => self.0 = Some(panic),
            // The first one says more.
            (Err(panic), Some(_)) => log_panic("a destructor", panic),
        }
    }

    /// Goes on with the first panic, if there was one.
    pub(super) fn finish(self) {
        if let Some(panic) = self.0 {
            resume_unwind(panic);
        }
    }
}

/// Logs a panic and disposes of what it was called with. Whoever writes the log is code of the user's,
/// too, and may panic.
pub(crate) fn log_panic(what: &'static str, panic: Panic) {
    let log = || tracing::error!(target: "touka::stream", panic = panic_text(&*panic), "{what} panicked");
    let logged = catch(log);
    dispose(panic);
    if let Err(panic) = logged {
        dispose(panic);
    }
}

/// Drops what a panic was called with: a value of the user's, and so is one that its destructor panics
/// with, which is not dropped at all.
fn dispose(panic: Panic) {
    if let Err(again) = catch(|| drop(panic)) {
        mem::forget(again);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics when it is dropped, with another of its kind.
    struct Spiteful(u32);

    impl Drop for Spiteful {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Self(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_panic_value_whose_destructor_panics_is_survived() {
        assert_eq!(guarded("a test", || 7), Some(7));
        assert_eq!(guarded("a test", || panic_any(Spiteful(3))), None::<()>);
        assert!(!drop_guarded(Spiteful(3)));
        assert!(drop_guarded(Spiteful(0)));
    }
}
