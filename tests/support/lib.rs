//! Support for the tests: a client that shows bytes and one that speaks HTTP/2, servers in this process and
//! in others, a real nginx and a real HAProxy. The parser is the test kit's: it follows the standard to the
//! letter and shares nothing with the encoder.

#![allow(clippy::missing_panics_doc, reason = "everything here asserts")]

mod apart;
mod call_sites;
mod certificate;
mod client;
mod descriptors;
mod dialogue;
mod folder;
mod gate;
mod haproxy;
mod held;
mod log;
mod nginx;
mod process;
mod reserved_port;
mod server;
pub mod soak;
mod visitor;
mod wait;

pub use apart::Apart;
pub use call_sites::ask_each_time;
pub use certificate::Certificate;
pub use client::{Client, Head};
pub use descriptors::Descriptors;
pub use dialogue::Dialogue;
pub use folder::Folder;
pub use gate::{Gate, Latch};
pub use haproxy::Haproxy;
pub use held::{Count, Held};
pub use log::Log;
pub use nginx::{Nginx, fragments};
pub use process::Process;
pub use reserved_port::ReservedPort;
pub use server::{App, Running};
pub use touka::testing::{Parser, Received};
pub use visitor::{Answer, Visitor};
pub use wait::{until, within};
