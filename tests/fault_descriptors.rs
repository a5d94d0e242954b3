//! A server that is out of file descriptors. What must hold: those whom it has go on, those who wait
//! are served as soon as others leave, and a server takes all the descriptors that it may.

use std::fs;
use std::time::Duration;

use support::{Client, Process, until, within};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(1);

/// Starts the server as a child of a shell that has limits of open files.
async fn limited(limits: &str) -> Process {
    let script = format!("{limits}; exec \"$0\"");
    Process::start("sh", &["-c", &script, env!("CARGO_BIN_EXE_touka-fixture")]).await
}

/// The soft and the hard limit of open files.
fn limits(server: &Process) -> (u64, u64) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("the line");
    let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(u64::MAX));
    (numbers.next().expect("the soft limit"), numbers.next().expect("the hard limit"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_served_goes_on_and_who_waits_has_their_turn() {
    let server = limited("ulimit -n 64").await;
    let mut served = Vec::new();
    let mut waiting = Vec::new();
    for _ in 0..200 {
        let mut client = Client::get(server.address, "/count").await;
        // The kernel connects them all. Whoever is accepted has an answer, sooner or later.
        if waiting.is_empty() && timeout(Duration::from_secs(5), client.socket.readable()).await.is_ok() {
            assert_eq!(client.head().await.status(), 200);
            served.push(client);
        } else {
            waiting.push(client);
        }
    }
    assert!((30..64).contains(&served.len()), "{} of 64 descriptors are clients", served.len());
    for client in &mut served {
        client.data().await;
        client.data().await;
    }
    // The first leave, and as many of the others are served: in the order in which they came.
    let left = served.drain(..20).count();
    for client in waiting.iter_mut().take(left) {
        assert_eq!(client.head().await.status(), 200);
        client.data().await;
    }
    // All leave, and a newcomer is served at once.
    drop((served, waiting));
    let newcomer = async {
        let mut client = Client::stream(server.address, "/count").await;
        client.data().await;
    };
    within(PATIENCE, "the newcomer", newcomer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_takes_the_descriptors_that_it_may() {
    let server = limited("ulimit -Sn 256").await;
    // As many as its limit of connections calls for, or as the hard limit allows.
    let raised = || matches!(limits(&server), (soft, hard) if soft > 25_000 || soft == hard);
    until(PATIENCE, "it raises its limit", raised).await;
    // It does not lower what it was given.
    let server = limited("ulimit -n 400").await;
    Client::stream(server.address, "/endless").await;
    assert_eq!(limits(&server), (400, 400));
}
