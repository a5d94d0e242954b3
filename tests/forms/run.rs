//! Runtimes for promises.

use std::future::Future;

use support::Log;
use tokio::runtime::Builder;

/// Runs a promise on two threads.
pub(crate) fn run(promise: impl Future<Output = ()>) {
    Log::install("forms");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(promise);
}

/// Runs a promise on this thread only, where its [`Log`] and its recorder are installed.
pub(crate) fn run_here(promise: impl Future<Output = ()>) {
    Log::install("forms");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(promise);
}
