//! What the tests stand on: a client that shows bytes, a parser that follows the standard to the
//! letter, servers in this process and in others.

#![allow(clippy::missing_panics_doc, reason = "everything here asserts; that is its work")]

mod client;
mod held;
mod parser;
mod process;
mod server;
mod wait;

pub use client::{Client, Head};
pub use held::{Count, Held};
pub use parser::{Dispatched, Parser};
pub use process::Process;
pub use server::Running;
pub use wait::{until, within};
