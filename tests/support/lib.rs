//! Support for the tests: a client that shows bytes and one that speaks HTTP/2, servers in this process and
//! in others, real proxies (nginx, HAProxy), real engines (Redis with Sentinel and as a cluster, NATS), and a proxy that cuts,
//! delays and stalls connections. The parser is the test kit's: it follows the standard to the letter and
//! shares nothing with the encoder.

#![allow(clippy::missing_panics_doc, reason = "everything here asserts")]

mod apart;
mod call_sites;
mod certificate;
mod client;
mod daemon;
mod descriptors;
mod dialogue;
mod folder;
mod gate;
mod haproxy;
mod held;
mod log;
mod nats;
mod nats_cluster;
mod nginx;
mod process;
mod redis;
mod redis_cluster;
mod reserved_port;
mod resp;
mod sentinel;
mod server;
pub mod soak;
mod tcp_proxy;
mod visitor;
mod wait;

pub use apart::Apart;
pub use call_sites::ask_each_time;
pub use certificate::Certificate;
pub use client::{Client, Head};
pub use descriptors::Descriptors;
pub use dialogue::Dialogue;
pub use folder::Folder;
pub use gate::{Gate, Latch};
pub use haproxy::Haproxy;
pub use held::{Count, Held};
pub use log::Log;
pub use nats::{NatsRelease, NatsServer, NatsStore};
pub use nats_cluster::NatsCluster;
pub use nginx::{Nginx, fragments};
pub use process::Process;
pub use redis::{Fsync, RedisOptions, RedisServer, RedisSnapshot};
pub use redis_cluster::RedisCluster;
pub use reserved_port::ReservedPort;
pub use resp::{RedisConnection, Reply};
pub use sentinel::Sentinels;
pub use server::{App, Running};
pub use tcp_proxy::{Direction, TcpProxy};
pub use touka::testing::{Parser, Received};
pub use visitor::{Answer, Visitor};
pub use wait::{eventually, until, within};
