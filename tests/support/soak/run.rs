//! A soak, from the start of its server to the report.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::dice::Dice;
use super::report::{Quarter, Report};
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
    /// The clients of a quarter, who come again and again until it is over.
    fn clients(&self, quarter: u64, server: SocketAddr, tally: &Arc<Tally>) -> JoinSet<()> {
        let over = Instant::now() + self.length / 4;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let seed = self.seed.wrapping_add((quarter * CLIENTS + number) << 32);
            let (tally, mut dice) = (Arc::clone(tally), Dice::new(seed));
            clients.spawn(async move {
                while Instant::now() < over {
                    visit(server, &mut dice, &tally).await;
                }
            });
        }
        clients
    }

    /// Runs it.
    ///
    /// # Panics
    /// The server ended before its time, or could not be looked at.
    pub async fn run(&self) -> Report {
        let server = Process::start(&self.server, &[]).await;
        let mut watch = Watch::new(&server).await;
        let start = watch.look(0, 0).await;

        let tally = Arc::new(Tally::default());
        let (mut quarters, mut failed) = (Vec::new(), Vec::new());
        for number in 0..4 {
            let mut clients = self.clients(number, server.address, &tally);
            let over = Instant::now() + self.length / 4;
            let mut samples = Vec::new();
            let mut seconds = interval(Duration::from_secs(1));
            seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while Instant::now() < over {
                seconds.tick().await;
                samples.push(look(&mut watch, &tally).await);
            }
            let all_left = async {
                while let Some(client) = clients.join_next().await {
                    if let Err(error) = client {
                        failed.push(format!("a client failed: {error}"));
                    }
                }
            };
            within(SETTLED, "the last client leaves", all_left).await;
            let rest = settled(&mut watch, &tally, &start).await;
            quarters.push(Quarter { samples, rest });
        }

        drop(watch);
        server.signal("TERM").await;
        let status = server.ended(SETTLED).await;
        if !status.success() {
            failed.push(format!("the server ended with {status}"));
        }
        Report { start, quarters, failed }
    }
}

async fn look(watch: &mut Watch, tally: &Tally) -> Sample {
    watch.look(tally.visits.load(Ordering::Relaxed), tally.events.load(Ordering::Relaxed)).await
}

/// What the server holds when it has let go of all clients that have left, or has had the time to.
async fn settled(watch: &mut Watch, tally: &Tally, start: &Sample) -> Sample {
    let since = Instant::now();
    loop {
        let rest = look(watch, tally).await;
        if holds_no_more(&rest, start) || since.elapsed() > SETTLED {
            return rest;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn holds_no_more(rest: &Sample, start: &Sample) -> bool {
    let of = |sample: &Sample| (sample.descriptors, sample.tasks, sample.held);
    of(rest) == of(start)
}
