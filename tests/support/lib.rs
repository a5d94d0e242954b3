//! What the tests stand on: a client that shows bytes and one that speaks HTTP/2, servers in this
//! process and in others, and a real nginx. The parser is the test kit's: it follows the standard to
//! the letter and shares nothing with the encoder.

#![allow(clippy::missing_panics_doc, reason = "everything here asserts; that is its work")]

mod certificate;
mod client;
mod dialogue;
mod folder;
mod gate;
mod held;
mod limits;
mod nginx;
mod process;
mod server;
pub mod soak;
mod visitor;
mod wait;

pub use certificate::Certificate;
pub use client::{Client, Head};
pub use dialogue::Dialogue;
pub use folder::Folder;
pub use gate::{Gate, Latch};
pub use held::{Count, Held};
pub use limits::allow_descriptors;
pub use nginx::{Nginx, fragments};
pub use process::Process;
pub use server::{App, Running};
pub use touka::testing::{Parser, Received};
pub use visitor::{Answer, Visitor};
pub use wait::{until, within};
