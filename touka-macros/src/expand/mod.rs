//! From a checked function to the code that stands for it.

mod emit;
mod handler;
mod mode;
mod route;
mod setting;
mod sse;

pub(crate) use handler::handler;
pub(crate) use route::route;
pub(crate) use sse::{sse, stub};
