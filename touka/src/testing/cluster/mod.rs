//! A cluster of hubs in memory, whose nodes crash and start when a test says so.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `kept`: one topic as the cluster keeps it
//! - `store`: what its nodes share
//! - `node_engine`: the engine of one node
//! - `test_cluster`: the cluster and its nodes

mod kept;
mod node_engine;
mod store;
mod test_cluster;

pub use test_cluster::{TestCluster, TestNode};
