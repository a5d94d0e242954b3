//! The schedule of events, the same for all servers.

use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc};

use crate::{Command, Options, Quote, commands, say};

/// The number of events that a subscriber may lag behind before tokio's `broadcast` drops the oldest, which
/// the load generator then counts as lost.
const CAPACITY: usize = 128;

/// Points in time at a steady rate. A late tick does not delay the ones after it.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    next: Instant,
    step: Duration,
}

impl Schedule {
    /// Starts a schedule whose first tick is now.
    pub fn new(rate: f64) -> Self {
        Self { next: Instant::now(), step: Duration::from_secs_f64(1.0 / rate) }
    }

    /// The next point in time.
    pub fn tick(&mut self) -> Instant {
        let tick = self.next;
        self.next += self.step;
        tick
    }
}

/// Prints `ready` as soon as the server listens, then follows the driver's commands until the driver ends:
/// calls `each` with every quote, at the rate, between `go` and `stop`. Ends the process.
pub async fn publish(options: Options, mut each: impl AsyncFnMut(Quote)) {
    let (told, mut orders) = mpsc::unbounded_channel();
    commands(move |command| {
        let _ = told.send(command);
    });
    listening(options.port).await;
    say("ready");
    let mut published = 0;
    loop {
        match orders.recv().await {
            Some(Command::Go) => {}
            Some(Command::Stop) => continue,
            Some(Command::Exit) | None => process::exit(0),
        }
        let mut schedule = Schedule::new(options.rate);
        loop {
            tokio::time::sleep_until(schedule.tick().into()).await;
            match orders.try_recv() {
                Ok(Command::Go) | Err(mpsc::error::TryRecvError::Empty) => {}
                Ok(Command::Stop) => break,
                Ok(Command::Exit) | Err(mpsc::error::TryRecvError::Disconnected) => process::exit(0),
            }
            published += 1;
            each(Quote::new(published, options.payload)).await;
        }
        say(&format!("published {published}"));
    }
}

/// Most frameworks bind in the call that also serves, so that only a connection shows when they have.
async fn listening(port: u16) {
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Publishes to tokio's `broadcast`, which the frameworks' own documentation uses for many clients, here with
/// shared values, so that no subscriber has to copy one. Runs on a task of the calling runtime.
pub fn broadcast(options: Options) -> broadcast::Sender<Arc<Quote>> {
    let (quotes, _) = broadcast::channel(CAPACITY);
    let publisher = quotes.clone();
    tokio::spawn(publish(options, async move |quote| {
        // Fails if there is no receiver.
        let _ = publisher.send(Arc::new(quote));
    }));
    quotes
}
