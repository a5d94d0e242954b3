//! A node: a server with a hub, and a publisher that follows orders.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::interval;
use touka::extract::{LastEventId, State};
use touka::topic::{HubError, Retention};
use touka::{EventStream, Hub, Router, Server, Topic, route, routes};

use crate::histogram::Histogram;
use crate::orders::{NodeOrder, Published};
use crate::quote::{Quote, now_ns};
use crate::{failed, say};

/// As for the sockets of touka's own listeners.
const BACKLOG: i32 = 4096;

/// The number of topics that a hub may have in memory: more than the driver uses.
const TOPICS: usize = 1_000_000;

/// The retention of a hub in memory: a publisher is faster there than the clients, and no event may be lost. Hubs over an
/// engine have the default.
const IN_MEMORY: Retention = Retention::new().events(1_000_000).bytes(1024 * 1024 * 1024);

#[route(GET, "/topics/{topic}")]
async fn events(State(hub): State<Hub>, topic: String, from: LastEventId) -> Result<EventStream<Quote>, HubError> {
    hub.topic(&topic)?.subscribe(from).await
}

pub(crate) fn run(engine: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed("a runtime"))?;
    let served = runtime.block_on(serve(engine.to_owned()));
    // Open streams are not waited for.
    runtime.shutdown_background();
    served
}

async fn serve(engine: String) -> Result<(), String> {
    let builder = Hub::builder().max_topics(TOPICS);
    let hub = match engine.split(':').next() {
        Some("redis") => builder.redis(engine).await,
        Some("nats") => builder.nats(engine).await,
        _ => Ok(builder.retention(IN_MEMORY).memory()),
    };
    let hub = hub.map_err(failed("the hub"))?;
    let listener = listen().map_err(failed("cannot listen"))?;
    let port = listener.local_addr().map_err(failed("no address"))?.port();
    let app: Router = Router::new().mount(routes![events]).with_state(hub.clone());
    tokio::spawn(Server::new().serve(listener, app));
    let mut orders = orders();
    let mut publisher = Publisher { hub, topics: HashMap::new() };
    say(&format!("ready {port}"))?;
    while let Some(order) = orders.recv().await {
        let published = publisher.follow(order).await.map_err(failed("a publish"))?;
        say(&format!("published {}", serde_json::to_string(&published).map_err(failed("a response"))?))?;
    }
    Ok(())
}

fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The orders from standard input, until it ends.
fn orders() -> mpsc::UnboundedReceiver<NodeOrder> {
    let (sender, orders) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(order) => drop(sender.send(order)),
                Err(error) => eprintln!("node: {line}: {error}"),
            }
        }
    });
    orders
}

struct Publisher {
    hub: Hub,
    /// The topics with the numbers of their newest events, by name.
    topics: HashMap<String, Numbered>,
}

/// A topic with the number of its newest event, and the durations of publishes.
struct Numbered {
    topic: Topic<Quote>,
    newest: u64,
    calls: Histogram,
}

impl Numbered {
    async fn publish(&mut self) -> Result<(), HubError> {
        let start = now_ns();
        self.topic.publish(Quote::new(self.newest + 1)).await?;
        self.calls.add(now_ns().saturating_sub(start));
        self.newest += 1;
        Ok(())
    }

    /// Publishes one event after the other.
    async fn burst(mut self, most: u64, until: Instant) -> Result<Self, HubError> {
        let last = self.newest + most;
        while self.newest < last && Instant::now() < until {
            self.publish().await?;
        }
        Ok(self)
    }
}

impl Publisher {
    async fn follow(&mut self, order: NodeOrder) -> Result<Published, HubError> {
        match order {
            NodeOrder::Burst { group, topics, most, millis } => {
                let numbered = self.take(&group, topics)?;
                let (start, before) = (Instant::now(), total(&numbered));
                let until = start + Duration::from_millis(millis);
                let tasks: Vec<_> = numbered.into_iter().map(|topic| tokio::spawn(topic.burst(most, until))).collect();
                let mut numbered = Vec::new();
                for task in tasks {
                    numbered.push(task.await.expect("a publisher does not panic")?);
                }
                Ok(self.put(&group, numbered, start, before))
            }
            NodeOrder::Paced { group, topics, events, every_us } => {
                let mut numbered = self.take(&group, topics)?;
                let (start, before) = (Instant::now(), total(&numbered));
                let mut ticks = interval(Duration::from_micros(every_us.max(1)));
                for _ in 0..events {
                    ticks.tick().await;
                    for topic in &mut numbered {
                        topic.publish().await?;
                    }
                }
                Ok(self.put(&group, numbered, start, before))
            }
        }
    }

    fn take(&mut self, group: &str, topics: usize) -> Result<Vec<Numbered>, HubError> {
        let names = (0..topics).map(|index| format!("{group}-{index}"));
        let take = |name: String| match self.topics.remove(&name) {
            Some(known) => Ok(known),
            None => Ok(Numbered { topic: self.hub.topic(&name)?, newest: 0, calls: Histogram::default() }),
        };
        names.map(take).collect()
    }

    fn put(&mut self, group: &str, numbered: Vec<Numbered>, start: Instant, before: u64) -> Published {
        let elapsed_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut published = Published { events: total(&numbered) - before, elapsed_ns, ..Published::default() };
        for (index, mut topic) in numbered.into_iter().enumerate() {
            published.newest.push(topic.newest);
            published.calls.merge(&std::mem::take(&mut topic.calls));
            self.topics.insert(format!("{group}-{index}"), topic);
        }
        published
    }
}

fn total(topics: &[Numbered]) -> u64 {
    topics.iter().map(|topic| topic.newest).sum()
}
