//! The driver: starts the processes, gives them orders, and prints tables.
//!
//! - `options`: the command line
//! - `cluster`: an engine, its nodes and their clients
//! - `figures`: numbers and tables for people
//! - `compare`: two nodes with 10,000 clients, against one node in memory
//! - `crowd`: six nodes with 100,000 clients

mod cluster;
mod compare;
mod crowd;
mod figures;
mod options;

use options::{Mode, Options};
use rlimit::Resource;

/// Runs the mode that the command line names.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let Some(options) = Options::parse(words)? else {
        println!("{}", options::HELP);
        return Ok(());
    };
    // Processes that are started from here inherit the limit.
    let raised = Resource::NOFILE.get().and_then(|(_, hard)| Resource::NOFILE.set(hard, hard));
    if let Err(error) = raised {
        eprintln!("the limit of open descriptors stays as it is: {error}");
    }
    match options.mode {
        Mode::Compare => compare::run(&options),
        Mode::Crowd => crowd::run(&options),
    }
}
