//! The servers and the proxy that the tests of engines use: Redis, Sentinel, NATS, a TCP proxy.

mod nats;
mod redis;
mod sentinel;
mod tcp_proxy;
