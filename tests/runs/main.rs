//! Runs: bodies that outlive their client.

mod cluster;
mod life;
