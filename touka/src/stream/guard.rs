//! Keeps panics of user code within their own stream.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::sync::Notify;

use crate::error::panic_text;

/// The value of a panic.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Runs user code and returns its panic. Values that the panic has left inconsistent must only be dropped.
#[inline]
pub(crate) fn catch<R>(code: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(code))
}

/// Runs user code; `None` if it has panicked, which is logged.
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

/// Drops a value of the user; `false` if that has panicked, which is logged.
pub(crate) fn drop_guarded<V>(value: V) -> bool {
    guarded("a destructor", || drop(value)).is_some()
}

/// Notifies the waiters. Their wakers are user code: one that panics costs neither the caller nor its run.
pub(crate) fn notify_guarded(notify: &Notify) {
    let _ = guarded("a waker", || notify.notify_waiters());
}

/// Drops values of the user one by one. All are dropped even if a destructor panics: a second panic during
/// the unwinding of a first would abort the process.
#[derive(Default)]
pub(crate) struct Dropping(Option<Panic>);

impl Dropping {
    /// Runs code that drops one of the values.
    pub(crate) fn run(&mut self, code: impl FnOnce()) {
        match (catch(code), &self.0) {
            (Ok(()), _) => {}
            (Err(panic), None) => self.0 = Some(panic),
            // The first panic is the cause.
            (Err(panic), Some(_)) => log_panic("a destructor", panic),
        }
    }

    /// Resumes the first panic, if there was one.
    pub(crate) fn finish(self) {
        if let Some(panic) = self.0 {
            resume_unwind(panic);
        }
    }
}

/// Logs a panic and drops its value. The subscriber that writes the log is user code too, and may panic.
pub(crate) fn log_panic(what: &'static str, panic: Panic) {
    let log = || tracing::error!(target: "touka::stream", panic = panic_text(&*panic), "{what} panicked");
    let logged = catch(log);
    dispose(panic);
    if let Err(panic) = logged {
        dispose(panic);
    }
}

/// Drops the value of a panic. If its destructor panics, the value of that panic is leaked, because it is
/// user code as well.
fn dispose(panic: Panic) {
    if let Err(again) = catch(|| drop(panic)) {
        mem::forget(again);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics when it is dropped, with another value of its kind.
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
