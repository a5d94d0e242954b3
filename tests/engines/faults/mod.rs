//! Faults of Redis, of NATS and of the network, while clients follow a topic on several nodes.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `position`: the position of an event; `random`: numbers from a seed
//! - `record`: what was published and with which outcome
//! - `connection`: a stream of a client; `client`: a client, and what it has seen
//! - `contents`: the events that an engine has at the end
//! - `oracle`: the check of the promises, from these three
//! - `server`: a node over HTTP
//! - `scene`: nodes, clients and publishers of one test
//! - `rounds`: rounds of one fault; `mixed`: runs of many
//! - `bursts`: many publishes at once
//! - `losses`, `deletions`, `retries`, `pubsub`, `timeouts`, `network`, `failover`: one kind of fault each
//! - `shards`: slots that move and shards that fail over in a cluster of Redis
//! - `nats_replicas`: the leader of a replicated stream is killed
//! - `unread`: a stream that is not read
//! - `merged`: clients of several topics; `parked`: clients over HTTP whose streams are parked
//! - `processes`: nodes in processes of their own; `stage`: with clients and publishers; `nodes`, `stopped`: their faults
//! - `seeds`, `nats_seeds`: all of them, mixed

mod bursts;
mod client;
mod connection;
mod contents;
mod deletions;
mod failover;
mod losses;
mod merged;
mod mixed;
pub(crate) mod nats_replicas;
mod nats_seeds;
mod network;
mod nodes;
mod oracle;
mod parked;
mod position;
mod processes;
mod pubsub;
mod random;
mod record;
mod retries;
mod rounds;
mod scene;
mod seeds;
mod server;
mod shards;
mod stage;
mod stopped;
mod timeouts;
mod unread;
