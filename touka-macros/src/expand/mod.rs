//! From a checked function to the code that stands for it.

mod emit;
mod handler;
mod route;

pub(crate) use handler::handler;
pub(crate) use route::route;
