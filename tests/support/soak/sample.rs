//! A sample of a server's resources, taken from outside.

use std::fs;

use crate::client::Client;
use crate::process::Process;

/// A server's resources at one moment, and what its clients have received by then.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Clients that have come and gone.
    pub visits: u64,
    /// Events that they have read.
    pub events: u64,
    /// Memory with everything that is shared or mapped from files, in KiB.
    pub resident: u64,
    /// Private memory, in KiB: heap and stacks, including what the allocator keeps for later.
    pub anonymous: u64,
    /// Bytes of the heap that are in use.
    pub live: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Tasks of its runtime that are alive.
    pub tasks: u64,
    /// Handlers that are not completely dropped.
    pub held: u64,
}

/// Samples a server. Uses one connection, always the same, so that it is counted equally each time.
#[derive(Debug)]
pub(super) struct Watch {
    process: u32,
    client: Client,
}

impl Watch {
    pub(super) async fn new(server: &Process) -> Self {
        Self { process: server.id(), client: Client::connect(server.address).await }
    }

    pub(super) async fn look(&mut self, visits: u64, events: u64) -> Sample {
        self.client.send("GET /counts HTTP/1.1\r\nhost: test\r\n\r\n").await;
        let (head, counts) = self.client.response().await;
        assert_eq!(head.status(), 200, "{head:?}");
        let counts: Vec<u64> = counts.split(' ').map(|count| count.parse().expect("a number")).collect();
        let [held, tasks, live] = counts[..] else { panic!("three counts: {counts:?}") };
        let folder = format!("/proc/{}", self.process);
        let status = fs::read_to_string(format!("{folder}/status")).expect("read the server's status");
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux has it");
            let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
            number.parse().expect("a number of KiB")
        };
        Sample {
            visits,
            events,
            resident: kib("VmRSS"),
            anonymous: kib("RssAnon"),
            descriptors: fs::read_dir(format!("{folder}/fd")).expect("read its descriptors").count() as u64,
            tasks,
            held,
            live,
        }
    }
}
