//! Parked connections: responses that are nothing but a place in a topic, served without a task,
//! a buffer or hyper's state for each.
//!
//! hyper reads the request. Then the socket is taken back from it and given to a shard, which walks
//! its sockets when something is published and writes the shared bytes to each from its place. What
//! is on the wire, and what is told of the stream, is the same as with a body. When the stream has
//! ended, the connection goes back to hyper for its next request.
//!
//! # Layout
//!
//! - `offer`: which responses are parked, and what is taken out of them. `arrival`: a connection on its way to a shard.
//! - `lot`: the shards of a server. `run`: the task of a shard. `shard`, `turn`: what a shard does in a turn.
//! - `node`: a shard's inbox, and the wakers that put something into it; `signal` is their flag.
//! - `group`: the clients of one topic in a shard. `window`: the bytes that are written to them.
//! - `parked`: one client. `output`: the state of its socket's output. `ending`, `endings`: how its stream ends.
//!   `leaving`, `stream_parts`: how the connection closes, or goes back to hyper.
//! - `sweep`, `phase`: what time and a shutdown do to all clients.
//! - `slots`: values at stable indices.

mod arrival;
mod ending;
mod endings;
mod group;
mod leaving;
mod lot;
mod node;
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
mod stream_parts;
mod sweep;
mod turn;
mod window;

use std::sync::atomic;

pub(super) use lot::Lot;
pub(super) use offer::{Offer, may_park, offer};
