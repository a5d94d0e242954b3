//! The orders of the driver and the responses to them, each one line of JSON.

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;

/// An order to a node. Topics are named `group-0`, `group-1` and so on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum NodeOrder {
    /// Publishes to `topics` topics at once, to each one event after the other, until each has `most` more events or the
    /// time is over.
    Burst { group: String, topics: usize, most: u64, millis: u64 },
    /// Publishes `events` events to each of `topics` topics, one to all of them per interval.
    Paced { group: String, topics: usize, events: u64, every_us: u64 },
}

/// The response to a [`NodeOrder`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Published {
    /// The number of the newest event of each topic.
    pub(crate) newest: Vec<u64>,
    pub(crate) events: u64,
    pub(crate) elapsed_ns: u64,
    /// The durations of the calls of `publish`.
    pub(crate) calls: Histogram,
}

/// An order to a process with clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ClientsOrder {
    /// Connects `clients` clients to each of `topics` topics of a node. The response is a [`Report`].
    Open { port: u16, group: String, topics: usize, clients: usize },
    /// Reads until the clients of a group have these events, or no more arrive. The response is a [`Report`] of what has
    /// happened since the last one.
    Expect { group: String, newest: Vec<u64> },
}

/// The events that the clients of a group have received, and their errors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Clients whose stream is open.
    pub(crate) clients: u64,
    /// Events that arrived in order.
    pub(crate) events: u64,
    /// Events that were left out between two others, or did not arrive in the end.
    pub(crate) lost: u64,
    /// Events that arrived again, or after a later one.
    pub(crate) doubled: u64,
    /// Connections that failed or ended, and events of another form, such as gaps.
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    /// Bytes of the responses' bodies, with the chunks' sizes.
    pub(crate) bytes: u64,
    /// From publish to read.
    pub(crate) latency: Histogram,
    /// For each event, the time from publish to the read of the last client that gets it, in nanoseconds.
    pub(crate) until_all: Vec<u64>,
}

impl Report {
    /// Adds the report of another process about the same group and the same events.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.clients += other.clients;
        self.events += other.events;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or_else(|| other.first_error.clone());
        self.bytes += other.bytes;
        self.latency.merge(&other.latency);
        self.until_all.resize(self.until_all.len().max(other.until_all.len()), 0);
        for (all, theirs) in self.until_all.iter_mut().zip(&other.until_all) {
            *all = (*all).max(*theirs);
        }
    }
}

/// The figures of an engine: totals since its start, and the memory and files that it takes now.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct EngineFigures {
    /// Bytes from and to clients. For NATS without the lines of the protocol.
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Memory in use: what Redis has allocated, the resident memory of NATS.
    pub(crate) memory: u64,
    /// The files of the engine.
    pub(crate) disk: u64,
}
