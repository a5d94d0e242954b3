//! Suite that checks on one engine what a hub promises, with the hubs of several processes.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `nodes`: the engine under test; `follower`: a client that reconnects
//! - `delivery`, `feeding`, `resuming`, `closing`, `forgetting`, `moving`: the checks
//! - `suite`: all of them

mod closing;
mod delivery;
mod feeding;
mod follower;
mod forgetting;
mod moving;
mod nodes;
mod resuming;
mod suite;

pub use nodes::Nodes;
pub use suite::check_engine;
