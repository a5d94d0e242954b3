//! Shared parts of the fan-out benchmark's servers: the command line, the events, and their schedule.

mod commands;
mod descriptors;
mod load_report;
mod options;
mod publish;
mod quote;

pub use commands::{Command, commands, say};
pub use descriptors::raise_descriptors;
pub use load_report::{LoadReport, Percentiles};
pub use options::Options;
pub use publish::{Schedule, broadcast, publish};
pub use quote::{Quote, now_ns};
