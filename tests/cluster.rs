//! The example `cluster`, started by its script: a Redis, two nodes and nginx. Clients of a node that is killed
//! continue on the other one.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{Client, eventually, within};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use touka::testing::Received;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cluster/start.sh");
const PROGRAM: &str = env!("CARGO_BIN_EXE_touka-cluster");

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running script.
struct Script {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    page: SocketAddr,
    folder: PathBuf,
    redis: u32,
    /// The process ids of the nodes `a` and `b`.
    nodes: [u32; 2],
}

/// The process id in a line like `node a: http://127.0.0.1:4000   kill it: kill -KILL 17`.
fn process_id(line: &str) -> u32 {
    line.rsplit_once(' ').and_then(|(_, id)| id.parse().ok()).unwrap_or_else(|| panic!("no process id: {line}"))
}

impl Script {
    async fn start() -> Self {
        // A background job of a shell ignores SIGINT, and so would the script.
        let mut child = Command::new("env")
            .args(["--default-signal=INT", SCRIPT, "0"])
            .env("PROGRAM", PROGRAM)
            .env("RESTART", "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the script");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (mut nodes, mut redis, mut page) = (Vec::new(), None, None);
        loop {
            let line = next(&mut lines).await;
            if line.starts_with("node ") {
                nodes.push(process_id(&line));
            } else if line.starts_with("Redis: ") {
                redis = Some(process_id(&line));
            } else if let Some(address) = line.strip_prefix("the page: http://") {
                page = Some(address.parse().expect("an address"));
            } else if let Some(rest) = line.strip_prefix("logs: ") {
                let folder = rest.split(' ').next().expect("a folder").into();
                let nodes = nodes.try_into().expect("two nodes");
                let (redis, page) = (redis.expect("Redis"), page.expect("the page's address"));
                return Self { child, lines, page, folder, redis, nodes };
            }
        }
    }

    /// Waits until the script has started a process again, and returns its id.
    async fn restarted(&mut self, name: &str) -> u32 {
        loop {
            let line = next(&mut self.lines).await;
            if line.starts_with(name) {
                return process_id(&line);
            }
        }
    }

    /// The script and all processes that it has started.
    async fn processes(&self) -> Vec<u32> {
        let script = self.child.id().expect("the script runs").to_string();
        let found = Command::new("pgrep").args(["-P", &script]).output().await.expect("run pgrep");
        let children = String::from_utf8(found.stdout).expect("numbers");
        children.lines().map(|id| id.parse().expect("a number")).collect()
    }

    /// Ends the script as Ctrl-C does.
    async fn interrupt(mut self) -> ExitStatus {
        signal("INT", self.child.id().expect("the script runs")).await;
        within(PATIENCE, "the script's end", self.child.wait()).await.expect("wait")
    }
}

impl Drop for Script {
    /// Ends the script of a test that has failed. At SIGKILL it would leave its processes.
    fn drop(&mut self) {
        if let Some(id) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
        }
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = within(PATIENCE, "the script's next line", lines.next_line()).await;
    line.expect("read").expect("the script ended")
}

async fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().await;
    assert!(sent.expect("run kill").success(), "kill -{name} {process}");
}

/// An `EventSource` that checks the numbers of all messages.
struct Follower {
    page: SocketAddr,
    client: Client,
    /// The node that serves the stream: 0 for `a`, 1 for `b`.
    node: usize,
    /// The ids of all messages.
    ids: HashSet<String>,
    last_event_id: String,
    /// The last number of each node; 0 before its first message.
    numbers: [u64; 2],
}

fn index(node: &str) -> usize {
    ["a", "b"].iter().position(|known| *known == node).unwrap_or_else(|| panic!("there is no node {node}"))
}

impl Follower {
    async fn start(page: SocketAddr) -> Self {
        let (client, node) = open(page, "").await;
        Self { page, client, node, ids: HashSet::new(), last_event_id: String::new(), numbers: [0; 2] }
    }

    /// Handles the next event. `None` if the connection has ended.
    async fn next(&mut self) -> Option<()> {
        let event: Received = self.client.next().await.ok()??;
        self.last_event_id.clone_from(&event.id);
        assert_eq!(event.name, "message", "{event:?}");
        assert!(self.ids.insert(event.id.clone()), "seen twice: {event:?}");
        let data: Value = serde_json::from_str(&event.data).expect("JSON");
        let node = index(data["node"].as_str().expect("a name"));
        let number = data["number"].as_u64().expect("a number");
        // A node that was restarted begins with 1.
        if number != 1 {
            assert_eq!(number, self.numbers[node] + 1, "node {node}: missing or seen twice");
        }
        self.numbers[node] = number;
        Some(())
    }

    /// Reads until each node in the list has published this many messages from now on.
    async fn follow(&mut self, messages: u64, nodes: &[usize]) {
        let mut left = [0; 2];
        for &node in nodes {
            left[node] = messages;
        }
        while left.iter().any(|&left| left > 0) {
            let before = self.numbers;
            self.next().await.expect("the stream goes on");
            for node in 0..2 {
                if self.numbers[node] != before[node] {
                    left[node] = u64::saturating_sub(left[node], 1);
                }
            }
        }
    }

    /// Reads to the end of the connection, and reconnects. Returns whether the other node serves the stream now.
    async fn reconnect(&mut self) -> bool {
        while self.next().await.is_some() {}
        let before = self.node;
        let id = format!("last-event-id: {}\r\n", self.last_event_id);
        (self.client, self.node) = open(self.page, &id).await;
        self.node != before
    }
}

/// Opens the stream, and reads the node's name.
async fn open(page: SocketAddr, headers: &str) -> (Client, usize) {
    let mut client = Client::connect(page).await;
    client.send(format!("GET /messages HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n{headers}\r\n")).await;
    let head = client.head().await;
    let opened = (head.status(), head.header("content-type"));
    assert_eq!(opened, (200, Some("text/event-stream")), "an EventSource stops: {head:?}");
    let event = within(PATIENCE, "the node's name", client.next()).await.expect("a stream").expect("an event");
    assert_eq!(event.name, "node");
    (client, index(&event.data))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_a_killed_node_continue_on_the_other() {
    let mut script = Script::start().await;
    let mut followers = [Follower::start(script.page).await, Follower::start(script.page).await];
    let mut moves = 0;
    for _ in 0..4 {
        for follower in &mut followers {
            within(PATIENCE, "messages of both nodes", follower.follow(2, &[0, 1])).await;
        }
        let killed = followers[0].node;
        signal("KILL", script.nodes[killed]).await;
        for follower in followers.iter_mut().filter(|follower| follower.node == killed) {
            // On a busy machine the killed node may be back before the client.
            moves += u32::from(within(PATIENCE, "a reconnect", follower.reconnect()).await);
        }
        for follower in &mut followers {
            within(PATIENCE, "messages of the other node", follower.follow(2, &[1 - killed])).await;
        }
        script.nodes[killed] = script.restarted(["node a: ", "node b: "][killed]).await;
    }
    assert!(moves > 0, "no client has changed its node");
    assert!(script.interrupt().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_go_on_when_redis_was_killed() {
    let mut script = Script::start().await;
    let mut followers = [Follower::start(script.page).await, Follower::start(script.page).await];
    for _ in 0..2 {
        for follower in &mut followers {
            within(PATIENCE, "messages of both nodes", follower.follow(2, &[0, 1])).await;
        }
        signal("KILL", script.redis).await;
        script.redis = script.restarted("Redis: ").await;
        let served = followers.each_ref().map(|follower| follower.node);
        for follower in &mut followers {
            within(PATIENCE, "messages after the restart", follower.follow(5, &[0, 1])).await;
        }
        assert_eq!(served, followers.each_ref().map(|follower| follower.node), "no stream was closed");
    }
    assert!(script.interrupt().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_leaves_no_process_and_no_folder() {
    let script = Script::start().await;
    let folder = script.folder.clone();
    assert!(folder.join("nginx.conf").exists());
    let processes = script.processes().await;
    assert_eq!(processes.len(), 4, "Redis, nginx and two nodes");
    assert!(script.interrupt().await.success());
    for process in processes {
        eventually(PATIENCE, "the end of a process", async || !Path::new(&format!("/proc/{process}")).exists()).await;
    }
    assert!(!folder.exists());
}
