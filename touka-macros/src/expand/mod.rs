//! The expansions, from checked functions to tokens.

mod described;
mod detached;
mod emit;
mod handler;
mod mode;
mod route;
mod setting;
mod sse;

pub(crate) use handler::handler;
pub(crate) use route::route;
pub(crate) use sse::{sse, stub};
