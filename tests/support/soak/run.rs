//! A soak, from the start of its server to the report.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::dice::Dice;
use super::report::Report;
use super::sample::{Sample, Watch};
use super::visit::{Tally, visit};
use crate::process::Process;
use crate::wait::within;

/// How many clients there are at a time.
const CLIENTS: u64 = 200;

/// How long the last clients may take to leave and the server to let go of them, on a machine that
/// is busy with something else.
const SETTLED: Duration = Duration::from_mins(1);

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program `touka-soaked`.
    pub server: String,
    /// How long clients come.
    pub length: Duration,
    /// What the clients' choices follow from. How they meet in time does not.
    pub seed: u64,
}

impl Plan {
    /// Runs it.
    ///
    /// # Panics
    /// The server ended before its time, or could not be looked at.
    pub async fn run(&self) -> Report {
        let server = Process::start(&self.server, &[]).await;
        let mut watch = Watch::new(&server).await;
        let start = watch.look(0, 0).await;

        let tally = Arc::new(Tally::default());
        let over = Instant::now() + self.length;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (tally, mut dice) = (Arc::clone(&tally), Dice::new(self.seed.wrapping_add(number << 32)));
            let server = server.address;
            clients.spawn(async move {
                while Instant::now() < over {
                    visit(server, &mut dice, &tally).await;
                }
            });
        }
        let look = async |watch: &mut Watch| {
            let (visits, events) = (tally.visits.load(Ordering::Relaxed), tally.events.load(Ordering::Relaxed));
            watch.look(visits, events).await
        };

        let mut samples = Vec::new();
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < over {
            seconds.tick().await;
            samples.push(look(&mut watch).await);
        }

        let mut failed = Vec::new();
        let all_left = async {
            while let Some(client) = clients.join_next().await {
                if let Err(error) = client {
                    failed.push(format!("a client failed: {error}"));
                }
            }
        };
        within(SETTLED, "the last client leaves", all_left).await;
        let settle = Instant::now();
        let end = loop {
            let end = look(&mut watch).await;
            if holds_no_more(&end, &start) || settle.elapsed() > SETTLED {
                break end;
            }
            sleep(Duration::from_millis(50)).await;
        };

        drop(watch);
        server.signal("TERM").await;
        let status = server.ended(SETTLED).await;
        if !status.success() {
            failed.push(format!("the server ended with {status}"));
        }
        Report { start, samples, end, failed }
    }
}

fn holds_no_more(end: &Sample, start: &Sample) -> bool {
    let of = |sample: &Sample| (sample.descriptors, sample.tasks, sample.held);
    of(end) == of(start)
}
