//! Runs: bodies that outlive their client.

mod cluster;
mod detached;
mod hostile;
mod life;
mod limits;
mod names;
mod races;
mod scene;
