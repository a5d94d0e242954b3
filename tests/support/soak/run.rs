//! A soak test, from the start of its server to the report.

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

/// The number of clients at a time.
const CLIENTS: u64 = 200;

/// How long the last clients may take to disconnect and the server to drop them, on a busy machine.
const SETTLED: Duration = Duration::from_mins(1);

/// The parameters of a soak test.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program `touka-soaked`.
    pub server: String,
    /// How long new clients connect.
    pub length: Duration,
    /// The seed of the clients' choices. Their timing is not repeatable.
    pub seed: u64,
}

impl Plan {
    /// The clients of a quarter, which reconnect until it is over.
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

    /// Runs the test.
    ///
    /// # Panics
    /// The server ended too early, or could not be sampled.
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

/// A sample once the server has dropped all disconnected clients, or the time for that is over.
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
