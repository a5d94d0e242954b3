//! A server that is out of file descriptors. Invariant: connected clients go on, waiting ones are served as
//! soon as others disconnect, and a server raises its limit as far as it may.

use std::fs;
use std::time::Duration;

use support::{Client, Process, until, within};

const PATIENCE: Duration = Duration::from_mins(1);

/// Starts the server as a child of a shell that sets limits on open files.
async fn limited(limits: &str) -> Process {
    let script = format!("{limits}; exec \"$0\"");
    Process::start("sh", &["-c", &script, env!("CARGO_BIN_EXE_touka-fixture")]).await
}

/// The soft and the hard limit on open files.
fn limits(server: &Process) -> (u64, u64) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("running");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("the line");
    let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(u64::MAX));
    (numbers.next().expect("the soft limit"), numbers.next().expect("the hard limit"))
}

fn open_descriptors(server: &Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.id())).expect("running").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connected_clients_go_on_and_waiting_ones_get_their_turn() {
    const LIMIT: usize = 64;
    let server = limited(&format!("ulimit -n {LIMIT}")).await;
    let mut served = Vec::new();
    // Each client is answered before the next one connects, so a server with a free descriptor has one for
    // the next client.
    while open_descriptors(&server) < LIMIT {
        let mut client = Client::get(server.address, "/count").await;
        assert_eq!(within(PATIENCE, "an answer", client.head()).await.status(), 200);
        served.push(client);
    }
    // The kernel connects these, and the server has no descriptor to accept them with.
    let mut waiting = Vec::new();
    while served.len() + waiting.len() < 200 {
        waiting.push(Client::get(server.address, "/count").await);
    }
    assert!((30..LIMIT).contains(&served.len()), "{} of {LIMIT} descriptors are clients", served.len());
    for client in &mut served {
        client.data().await;
        client.data().await;
    }
    // The first disconnect, and as many of the others are served, in the order in which they connected.
    let left = served.drain(..20).count();
    for client in waiting.iter_mut().take(left) {
        assert_eq!(client.head().await.status(), 200);
        client.data().await;
    }
    // All disconnect, and a new client is served at once.
    drop((served, waiting));
    let newcomer = async {
        let mut client = Client::stream(server.address, "/count").await;
        client.data().await;
    };
    within(PATIENCE, "the newcomer", newcomer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_raises_its_limit_of_descriptors() {
    let server = limited("ulimit -Sn 256").await;
    // As many as its connection limit needs, or as the hard limit allows.
    let raised = || matches!(limits(&server), (soft, hard) if soft > 50_000 || soft == hard);
    until(PATIENCE, "the server raises its limit", raised).await;
    // A limit that is already high enough is not lowered.
    let server = limited("ulimit -n 400").await;
    Client::stream(server.address, "/endless").await;
    assert_eq!(limits(&server), (400, 400));
}
