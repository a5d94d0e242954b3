//! Commands between the driver and its processes: lines on their standard streams.

use std::io::{self, BufRead, Write};
use std::thread;

/// A line on standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Publish, from now on.
    Go,
    /// Stop publishing, and print the number of published events.
    Stop,
    /// Standard input has ended, and so does the process.
    Exit,
}

/// Calls `each` with every command, from a thread that waits for them. [`Command::Exit`] is the last.
pub fn commands(mut each: impl FnMut(Command) + Send + 'static) {
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match line.trim() {
                "go" => each(Command::Go),
                "stop" => each(Command::Stop),
                other => eprintln!("\"{other}\" is no command; there are: go stop"),
            }
        }
        each(Command::Exit);
    });
}

/// Writes and flushes a line on standard output.
pub fn say(line: &str) {
    let mut out = io::stdout().lock();
    // A write fails once the driver has ended; then standard input has ended as well, which ends the process.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
