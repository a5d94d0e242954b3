//! `touka-soak`, a soak test of any length; scripts/soak.sh runs it.
//!
//! The arguments are the duration in seconds, and the seed of an earlier run to repeat. The server,
//! `touka-soaked`, is expected in the folder of this program.

use std::process::ExitCode;
use std::time::Duration;

use support::soak::{Dice, Plan};

#[tokio::main]
async fn main() -> ExitCode {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|argument| argument.parse()).collect();
    let (seconds, seed) = match numbers.as_deref() {
        Ok([seconds]) => (*seconds, Dice::seed()),
        Ok([seconds, seed]) => (*seconds, *seed),
        _ => {
            eprintln!("usage: touka-soak SECONDS [SEED]");
            return ExitCode::from(2);
        }
    };
    let server = match std::env::current_exe() {
        Ok(this) => this.with_file_name("touka-soaked").display().to_string(),
        Err(error) => {
            eprintln!("cannot tell where this program is: {error}");
            return ExitCode::from(2);
        }
    };
    println!("{seconds} s, seed {seed}");
    let report = Plan { server, length: Duration::from_secs(seconds), seed }.run().await;
    print!("{report}");
    let faults = report.faults();
    for fault in &faults {
        eprintln!("touka-soak: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
