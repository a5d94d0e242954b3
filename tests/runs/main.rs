//! Runs: bodies that outlive their client.

mod life;
