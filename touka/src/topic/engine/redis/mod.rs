//! The engine that keeps the events of a hub on a Redis that many nodes share.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `fault`: errors and what they say about a command; `target`: the URL; `options`: the public builder
//! - `socket`: TCP, TLS and Unix sockets; `pushes`: the messages of a listening connection
//! - `slots`, `slot_view`, `slot_map`: the slots of a cluster, and the servers that have them
//! - `connection`: one open connection; `sentinel`: the address of the primary; `requirements`: the server's settings
//! - `connector`: opening connections to the primary; `reconnect`: a connection that is reopened when it is lost
//! - `script`, `end`, `message`, `answer`: the programs that Redis runs, and the events that they write, send and return
//! - `keys`, `shards`, `node`: the names of keys, the primaries of a cluster, and the state of a process at one server
//! - `reading`: what syncs need; `listener`: receiving events
//! - `cluster`, `keep_map`, `nodes`: the nodes of a process in a cluster, its map, and the node that keeps a topic
//! - `leases`: what feeds need; `publisher`: publishing; `redis_engine`: the engine

mod answer;
mod cluster;
#[cfg(test)]
mod cluster_tests;
mod connection;
#[cfg(test)]
mod connection_tests;
mod connector;
mod end;
mod fault;
mod keep_map;
mod keys;
mod leases;
mod listener;
mod message;
mod node;
mod nodes;
mod options;
mod publisher;
mod pushes;
mod reading;
mod reconnect;
#[cfg(test)]
mod reconnect_tests;
mod redis_engine;
mod requirements;
mod script;
mod sentinel;
#[cfg(test)]
mod sentinel_tests;
mod shards;
mod slot_map;
#[cfg(test)]
mod slot_map_tests;
mod slot_view;
mod slots;
mod socket;
mod target;
#[cfg(test)]
mod target_tests;
#[cfg(test)]
mod test_server;

pub use options::Redis;
pub(super) use redis_engine::RedisEngine;
