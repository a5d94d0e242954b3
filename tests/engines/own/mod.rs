//! An engine that is written with the public contract only, in good health and with faults.
//!
//! - `store`: the engine; `faulty`: an engine that fails where a test says
//! - the other files: the tests

mod activation;
mod bodies;
mod faulty;
mod lead;
mod panics;
mod removal;
mod rollback;
mod snapshots;
mod spans;
mod store;
mod suite;
mod timers;
