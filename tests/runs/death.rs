//! Nodes that die, are suspended, or lose their server while they run a body.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use support::{Client, Folder, NatsServer, Process, Received, RedisServer, within};
use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;
use touka::Hub;
use touka::run::RunStatus;

const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-runs-fixture");

/// The time within which another node must have ended the run of a node that has died. The right to run a body expires after
/// 10 s, and others ask for it within the next second.
const LOST_WITHIN: Duration = Duration::from_secs(15);

/// The time for all that needs no right to expire. A busy machine is slow.
const SOON: Duration = Duration::from_mins(1);

/// Longer than a right lasts, and than another node takes to ask for it.
const SUSPENDED: Duration = Duration::from_secs(13);

/// A number of events that no run emits in the time of a test.
const ENDLESS: u64 = 1_000_000;

async fn node(url: &str) -> Process {
    Process::start(PROGRAM, &["127.0.0.1:0", url]).await
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n");
    within(SOON, path, async {
        let mut client = Client::connect(address).await;
        client.socket.write_all(request.as_bytes()).await.expect("a request");
        let (head, text) = client.response().await;
        (head.status(), text)
    })
    .await
}

async fn start(node: &Process, key: &str, most: u64) {
    let begun = ask(node.address, "POST", &format!("/start?key={key}&most={most}")).await;
    assert_eq!(begun, (200, "started".to_owned()));
}

/// A client that watches a run, and checks that it gets its numbers in order.
struct Viewer {
    client: Client,
    next: u64,
}

impl Viewer {
    async fn of(node: &Process, key: &str) -> Self {
        Self { client: Client::stream(node.address, &format!("/follow?key={key}")).await, next: 0 }
    }

    /// The next event that is not a number of the run. `None` at the end of the stream.
    async fn other(&mut self) -> Option<Received> {
        loop {
            let event = self.client.next().await.ok()??;
            if event.name != "message" {
                return Some(event);
            }
            assert_eq!(event.data, self.next.to_string());
            self.next += 1;
        }
    }

    /// Reads this many numbers more.
    async fn read(&mut self, events: u64) {
        let until = self.next + events;
        within(SOON, "events of a run", async {
            while self.next < until {
                let event = self.client.next().await.expect("a stream").expect("a stream that goes on");
                assert_eq!((event.name.as_str(), event.data), ("message", self.next.to_string()));
                self.next += 1;
            }
        })
        .await;
    }

    /// Reads to the end, whose name this is. Nothing follows it.
    async fn ends_with(&mut self, name: &str, time: Duration) {
        let last = within(time, name, self.other()).await.expect("a last event");
        assert_eq!(last.name, name, "{last:?}");
        assert!(within(SOON, "the end of the stream", self.other()).await.is_none());
    }
}

/// Starts on one node, follows on the other, and stops from there.
async fn reaches_the_other_node(one: &Process, two: &Process) {
    start(one, "stopped", ENDLESS).await;
    let (mut here, mut there) = (Viewer::of(one, "stopped").await, Viewer::of(two, "stopped").await);
    there.read(5).await;
    let joined = ask(two.address, "POST", "/start?key=stopped&most=1").await;
    assert_eq!(joined, (200, "joined".to_owned()));
    assert_eq!(ask(two.address, "POST", "/stop?key=stopped").await.0, 202);
    there.ends_with("cancelled", SOON).await;
    here.ends_with("cancelled", SOON).await;
    assert_eq!(here.next, there.next);
    assert_eq!(ask(two.address, "GET", "/status?key=stopped").await.1, "cancelled");
    assert_eq!(ask(two.address, "POST", "/stop?key=stopped").await.0, 204);
}

/// The runner is suspended for so long that its right expires, and continues.
async fn a_suspended_node_has_lost_its_run(url: &str) {
    let (one, two) = (node(url).await, node(url).await);
    start(&one, "suspended", ENDLESS).await;
    let (mut here, mut there) = (Viewer::of(&one, "suspended").await, Viewer::of(&two, "suspended").await);
    there.read(5).await;
    one.signal("STOP").await;
    let lost = there.ends_with("lost", LOST_WITHIN);
    tokio::join!(lost, sleep(SUSPENDED));
    one.signal("CONT").await;
    here.ends_with("lost", SOON).await;
    assert_eq!(here.next, there.next);
    // The body is dropped: its node has no place for it any more, and nothing is appended.
    assert_eq!(ask(one.address, "GET", "/status?key=suspended").await.1, "lost");
    let mut again = Viewer::of(&one, "suspended").await;
    again.ends_with("lost", SOON).await;
    assert_eq!(again.next, there.next);
}

/// The runner is killed: with a viewer on another node, and without any.
async fn a_killed_node_loses_its_runs(url: &str) {
    let (one, two) = (node(url).await, node(url).await);
    reaches_the_other_node(&one, &two).await;
    start(&one, "watched", ENDLESS).await;
    start(&one, "alone", ENDLESS).await;
    let mut there = Viewer::of(&two, "watched").await;
    there.read(5).await;
    let killed = Instant::now();
    one.signal("KILL").await;
    there.ends_with("lost", LOST_WITHIN).await;
    println!("lost {:?} after kill -9, on {url}", killed.elapsed());
    assert_eq!(ask(two.address, "GET", "/status?key=watched").await.1, "lost");
    // No client has watched this one.
    let looked = Instant::now();
    let mut late = Viewer::of(&two, "alone").await;
    late.ends_with("lost", LOST_WITHIN).await;
    println!("lost {:?} after the first look, on {url}", looked.elapsed());
    assert!(late.next > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_redis_dies() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    tokio::join!(a_killed_node_loses_its_runs(&url), a_suspended_node_has_lost_its_run(&url));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_nats_dies() {
    let nats = NatsServer::start().await;
    let url = nats.url();
    tokio::join!(a_killed_node_loses_its_runs(&url), a_suspended_node_has_lost_its_run(&url));
}

/// Redis is away for a short time: the run goes on, and nothing is missing or doubled. Then it loses all: everything ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_away_and_then_empty() {
    let redis = RedisServer::start().await;
    let (one, two) = (node(&redis.url()).await, node(&redis.url()).await);
    start(&one, "short", 400).await;
    start(&one, "endless", ENDLESS).await;
    let (mut here, mut there) = (Viewer::of(&one, "short").await, Viewer::of(&two, "short").await);
    there.read(20).await;
    redis.pause().await;
    sleep(Duration::from_secs(3)).await;
    redis.resume().await;
    here.ends_with("done", SOON).await;
    there.ends_with("done", SOON).await;
    assert_eq!((here.next, there.next), (400, 400));
    let (mut here, mut there) = (Viewer::of(&one, "endless").await, Viewer::of(&two, "endless").await);
    there.read(1).await;
    redis.command(&["FLUSHALL"]).await;
    for viewer in [&mut here, &mut there] {
        within(SOON, "the end of a lost run", async {
            while viewer.client.next().await.is_ok_and(|next| next.is_some()) {}
        })
        .await;
    }
    for node in [&one, &two] {
        assert_eq!(ask(node.address, "GET", "/status?key=endless").await.0, 404);
    }
    start(&two, "endless", 3).await;
    Viewer::of(&one, "endless").await.ends_with("done", SOON).await;
}

/// A process is killed while its runs are in a file: the next one finds them lost, with all their events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_a_file_is_lost_with_its_process() {
    let folder = Folder::new();
    let path = folder.path("events");
    let one = node(&path).await;
    start(&one, "done", 5).await;
    start(&one, "endless", ENDLESS).await;
    Viewer::of(&one, "done").await.ends_with("done", SOON).await;
    let mut here = Viewer::of(&one, "endless").await;
    here.read(20).await;
    one.signal("KILL").await;
    one.ended(SOON).await;
    let hub = Hub::open(&path).expect("the file");
    let runs = hub.runs("alice").await.expect("a list");
    let mut keys: Vec<_> = runs.iter().map(touka::run::RunInfo::key).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["done", "endless"]);
    let run = hub.run("endless").expect("a key");
    assert!(run.status().await.unwrap_err().is_unknown(), "its owner is kept");
    let run = run.owner("alice");
    assert_eq!(run.status().await.expect("a run"), RunStatus::Lost);
    let events = crate::scene::seen(&run).await;
    assert!(events.len() > 20 && events.last().is_some_and(|last| last == "{}"), "{}", events.len());
    for (number, event) in events[..events.len() - 1].iter().enumerate() {
        assert_eq!(*event, number.to_string());
    }
    // Once: also for the next process.
    drop((run, hub));
    let two = node(&path).await;
    let mut again = Viewer::of(&two, "endless").await;
    again.ends_with("lost", SOON).await;
    assert_eq!(again.next + 1, events.len() as u64);
    assert_eq!(ask(two.address, "POST", "/start?key=endless&most=1").await.1, "joined");
    assert_eq!(ask(two.address, "POST", "/stop?key=endless").await.0, 204);
}
