//! Parts of the engines of many nodes: the state of a node, and how it keeps its logs in step with a server.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `address`, `timeout`, `feed_reason`: the parts of a server's URL, the bounds of timeouts, and the reason of a feed's end
//! - `clock`, `epoch_names`, `health`: the server's clock, the names that were written to it, and whether its messages arrive
//! - `attempts`: how often and how long an operation is tried
//! - `active`: the topics whose events a node receives
//! - `sync`: bringing a log in step; `leading`: the right to run a feed

pub(super) mod active;
pub(super) mod address;
pub(super) mod attempts;
pub(super) mod clock;
pub(super) mod epoch_names;
pub(super) mod feed_reason;
pub(super) mod health;
pub(super) mod leading;
pub(super) mod sync;
pub(super) mod timeout;
