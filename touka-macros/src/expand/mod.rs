//! From a checked function to the code that stands for it.

mod handler;
mod route;

pub(crate) use handler::handler;
pub(crate) use route::route;
