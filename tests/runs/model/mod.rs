//! Lives of runs at random, against a small model.
//!
//! The model has what each body has emitted, and how each run must end. It shares no code with the library: it is a list of
//! texts and an end for each life of a key.

mod check;
mod step;
mod viewers;
mod world;

pub(crate) use check::check;
pub(crate) use step::steps;
