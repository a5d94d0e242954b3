//! Handlers and their streams, without a socket: modes, options, extractors, events and the test kit.

mod attributes;
mod clock;
mod closed;
mod deciding;
mod derive;
mod from_go;
mod head;
mod interop;
mod keep_alive;
mod modes;
mod opening;
mod options;
mod query;
mod test_kit;
