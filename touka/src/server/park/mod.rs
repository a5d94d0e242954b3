//! Parked connections: responses that are nothing but a place in a topic, served without a task,
//! a buffer or hyper's state for each.
//!
//! hyper reads the request. Then the socket is taken back from it and given to a shard, which walks
//! its sockets when something is published and writes the shared bytes to each from its place. What
//! is on the wire, and what is told of the stream, is the same as with a body.

mod caught;
mod chunk;
mod group;
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
mod sweep;
mod window;

use std::sync::atomic;

pub(super) use lot::Lot;
pub(super) use offer::{Offered, may_park, offer};
