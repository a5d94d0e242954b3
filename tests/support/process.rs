//! A server in a process of its own, which can receive real signals.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::wait::within;

/// A child process that serves, which is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
}

impl Process {
    /// Starts a program that prints the URL it listens on, and reads that URL.
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
                let line = lines.next_line().await.expect("read").expect("the program ended before it printed a URL");
                if let Some((_, address)) = line.split_once("http://") {
                    return address.trim().parse().expect("an address");
                }
            }
        });
        let address = address.await;
        // Further output must be read, or the program would block.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, address }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the process still runs")
    }

    /// Sends a signal by name, as in `TERM`.
    pub async fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().await.expect("run kill");
        assert!(sent.success(), "kill -{name} {id}");
    }

    /// Waits for the process's end.
    pub async fn ended(mut self, longest: Duration) -> ExitStatus {
        within(longest, "the process's end", self.child.wait()).await.expect("wait")
    }
}
