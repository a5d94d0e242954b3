//! A server in a process of its own, which real signals reach.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::wait::within;

/// A child process that serves; it is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Process {
    /// Starts a program that prints the URL it listens on, and reads it.
    pub async fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let address = within(Duration::from_mins(1), "the server's first line", async {
            loop {
                let line = lines.next_line().await.expect("read").expect("it ended before it printed a URL");
                if let Some((_, address)) = line.split_once("http://") {
                    return address.trim().parse().expect("an address");
                }
            }
        });
        let address = address.await;
        // Whatever else it prints must find somebody who reads, or it would block.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, address }
    }

    /// Its number, by which the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it still runs")
    }

    /// Sends a signal by name, as in `TERM`.
    pub async fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().await.expect("run kill");
        assert!(sent.success(), "kill -{name} {id}");
    }

    /// Waits for its end.
    pub async fn ended(mut self, longest: Duration) -> ExitStatus {
        within(longest, "the process's end", self.child.wait()).await.expect("wait")
    }
}
