//! Runs: bodies that outlive their client.

mod cluster;
mod death;
mod detached;
mod hostile;
mod life;
mod limits;
mod lists;
mod lives;
mod model;
mod names;
mod races;
mod scene;
mod slow;
#[expect(dead_code, reason = "the tests of engines use all of it")]
#[path = "../engines/own/store.rs"]
mod store;
mod strays;
mod tasks;
mod visits;
