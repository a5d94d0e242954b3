//! A minute of clients that come and go in every possible way, and nothing of them stays. `scripts/soak.sh`
//! does the same for longer.

use std::time::Duration;

use support::soak::{Dice, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stays_of_a_minute_of_random_clients() {
    let seed = Dice::seed();
    println!("seed {seed}");
    let server = env!("CARGO_BIN_EXE_touka-soaked").to_owned();
    let report = Plan { server, length: Duration::from_mins(1), seed }.run().await;
    println!("{report}");
    let faults = report.faults();
    assert!(faults.is_empty(), "seed {seed}: {}", faults.join("; "));
}
