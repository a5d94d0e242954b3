//! One hub on many nodes: publishes, latency, CPU and memory over Redis and NATS, against a hub in memory.
//!
//! ```text
//! touka-cluster-bench compare            # two nodes and 10,000 clients, against one node in memory
//! touka-cluster-bench crowd              # six nodes and 100,000 clients
//! touka-cluster-bench compare --quick    # few clients, some seconds: does it work?
//! touka-cluster-bench --help
//! ```
//!
//! The driver starts this program again as `node`, `clients` and `engine`. They take orders from their standard input,
//! respond with a line to each, and end with their input. So nothing is left behind, however the driver ends.

mod clients;
mod driver;
mod engine;
mod histogram;
mod node;
mod orders;
mod quote;

// Parts of the fan-out benchmark, which is a workspace of its own.
#[path = "../../fanout/src/load/chunked.rs"]
mod chunked;
#[path = "../../fanout/src/load/events.rs"]
mod events;
#[path = "../../fanout/src/report/process.rs"]
mod process;
#[path = "../../fanout/src/report/usage.rs"]
mod usage;

use std::process::ExitCode;
use std::{env, io};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["node", engine] => node::run(engine),
        ["clients", source] => clients::run(source),
        ["engine", kind] => engine::run(kind),
        _ => driver::run(&words),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("touka-cluster-bench {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

/// An error as text, with what failed.
fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}

/// Prints a line that the driver reads.
fn say(line: &str) -> Result<(), String> {
    use io::Write as _;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(failed("cannot answer the driver"))
}
