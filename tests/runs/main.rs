//! Runs: bodies that outlive their client.

mod detached;
mod life;
