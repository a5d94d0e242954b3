//! Parked connections: subscriptions that are served without a task, a buffer or hyper's state for each.
//!
//! hyper reads the request. Then the socket is taken back from it and given to a shard. When an event is
//! published, the shard walks its sockets and writes the shared bytes to each, from the position of its client.
//! The bytes on the wire, the metrics and the log are the same as for a body. When the stream has ended, the
//! connection goes back to hyper for its next request.
//!
//! # Layout
//!
//! - `offer`: which responses are parked, and what is taken out of them.
//! - `lot`: the shards of a server. `run`: the task of a shard. `shard`, `turn`: the work of a shard in one turn.
//! - `inbox`: a shard's inbox, and the wakers that queue keys in it. `signal`: the flag of a queued key.
//! - `group`: the clients of one topic in a shard. `window`: the bytes that are written to them.
//! - `client`: one client. `leaving`: how its connection closes, or goes back to hyper. `parked`: the client at its place
//!   in a shard. `output`: what is being written to its socket. `ending`, `endings`: how its stream ends.
//!   `tested`: events of which the handler chooses the last.
//! - `sweep`: the check of all clients for due work. `phase`: the phases of a shutdown.
//! - `slots`: values at stable indices.

mod client;
mod ending;
mod endings;
mod group;
mod inbox;
mod leaving;
mod lot;
mod offer;
mod output;
mod parked;
mod phase;
mod run;
mod shard;
#[cfg(test)]
mod shard_tests;
mod signal;
mod slots;
mod sweep;
mod tested;
mod turn;
mod window;

use std::sync::atomic;

pub(super) use lot::Lot;
pub(super) use offer::{Offer, may_park, offer};
