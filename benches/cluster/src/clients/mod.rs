//! A process with thousands of clients: one thread, which reads every socket that has bytes.
//!
//! - `tally`: what has happened to the clients of a group
//! - `client`: one connection
//! - `crowd`: all of them

mod client;
mod crowd;
mod tally;

pub(crate) use crowd::run;
