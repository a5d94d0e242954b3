//! The cases that each server is measured in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of clients, the bytes of an event, the events per second, the duration, and the number of rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) connections: u64,
    pub(crate) payload: usize,
    pub(crate) rate: f64,
    /// How long events are published, in seconds.
    pub(crate) seconds: u64,
    /// How long the clients are idle before that, in seconds.
    pub(crate) idle: u64,
    pub(crate) rounds: usize,
}

pub(crate) const CONNECTIONS: [u64; 3] = [2000, 8000, 19000];
pub(crate) const PAYLOADS: [usize; 3] = [64, 1024, 16384];

/// The case of DESIGN's bar on CPU.
pub(crate) const BAR: (u64, usize) = (2000, 64);

/// Events per second that all servers and the load generator keep up with on two cores: about 40,000
/// deliveries per second for any number of clients, and 10,000 of large events.
pub(crate) fn rate(connections: u64, payload: usize) -> f64 {
    let small = match connections {
        0..=2000 => 20.0,
        2001..=8000 => 5.0,
        _ => 2.0,
    };
    if payload > 4096 { small / 4.0 } else { small }
}

impl Case {
    /// Identifies the case, however long and often it was measured.
    pub(crate) fn key(&self) -> (u64, usize) {
        (self.connections, self.payload)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} clients, {}, {} events/s", thousands(self.connections), size(self.payload), self.rate)
    }
}

pub(crate) fn size(bytes: usize) -> String {
    if bytes >= 1024 { format!("{} KB", bytes / 1024) } else { format!("{bytes} B") }
}

pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|part| str::from_utf8(part).ok()).collect();
    parts.join(",")
}
