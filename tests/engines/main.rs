//! The promises of a hub, on each engine, in good health and with faults.

mod closing;
mod faults;
mod feeds;
mod lost_feeds;
mod nats_pages;
mod nats_settings;
mod own;
mod redis_settings;
mod removal;
mod runtimes;
mod suite;
