//! The lock of a log: `std`'s, but where all the orders in which threads can take it are tried.
//! There, in `tests/schedules`, a scheduler's stands in.

#[cfg(not(touka_shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(touka_shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
