//! The engine that keeps the events of a hub on NATS servers that many nodes share.
//!
//! # How it works
//! The events of all topics are messages of one `JetStream` stream, on a subject for each topic. The sequence of a message
//! is the offset of its event: offsets of a topic increase, and some are left out. The server sends each message to the
//! nodes once it is stored, with the sequence of the one before on its subject. So a node finds holes; it fills them by
//! reads. A log begins with a *root*, a record that is not an event. It ends with the event that closes its topic: what is
//! stored after that counts for nothing.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `fault`: errors and what they say about a request; `target`: the URL; `options`: the public builder
//! - `subjects`, `record`, `time`: the names and the contents of messages
//! - `link`: the connection; `requests`: requests and their replies; `api`: the requests about a stream
//! - `streams`: the settings of the streams; `consumer`, `newest`: reading many messages
//! - `known_epochs`, `node`: the state of a process
//! - `chain`, `reading`: events in their order, and where they are read from
//! - `attempt`, `closing`, `publisher`: publishing
//! - `leases`: feeds; `removal`: removing a topic; `receiving`: the messages about a topic; `listener`: the
//!   subscriptions of a node
//! - `nats_engine`: the engine

mod api;
mod attempt;
mod chain;
mod closing;
mod consumer;
mod fault;
mod known_epochs;
mod leases;
mod link;
mod listener;
mod nats_engine;
mod newest;
mod node;
mod options;
mod publisher;
mod reading;
mod receiving;
mod record;
mod removal;
mod requests;
mod streams;
mod subjects;
mod target;
mod time;

pub(super) use nats_engine::NatsEngine;
pub use options::Nats;
