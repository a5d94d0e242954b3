//! The end of a server.

mod arrivals;
mod drain;
mod server;
