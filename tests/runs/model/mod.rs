//! Lives of runs at random, against a small model.
//!
//! The model has what each body has emitted, how each run must end, and when. It shares no code with the library: it is a
//! list of texts and an end for each life of a key. Time and the death of nodes are parts of it, in paused time.

mod body;
mod check;
mod death;
mod life;
mod start;
mod step;
mod viewers;
mod world;

pub(crate) use check::check;
pub(crate) use step::{Powers, steps};
pub(crate) use world::{SMALL, World};
