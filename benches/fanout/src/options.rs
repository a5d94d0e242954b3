//! The command line that all servers have.

use std::env;

use crate::raise_descriptors;

/// A server's options.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The port to listen on, on 127.0.0.1.
    pub port: u16,
    /// The number of bytes of an event's JSON.
    pub payload: usize,
    /// Events per second.
    pub rate: f64,
    /// Whether touka may park connections. Ignored by the others.
    pub park: bool,
}

impl Options {
    /// Reads the process's arguments, and raises the limit of open descriptors.
    ///
    /// # Panics
    ///
    /// If an argument is unknown, with a list of the known ones.
    pub fn from_args() -> Self {
        raise_descriptors();
        let mut options = Self { port: 8080, payload: 64, rate: 20.0, park: true };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
            match arg.as_str() {
                "--port" => options.port = value().parse().expect("--port needs a port"),
                "--payload" => options.payload = value().parse().expect("--payload needs a number of bytes"),
                "--rate" => options.rate = value().parse().expect("--rate needs a number of events a second"),
                "--park" => options.park = true,
                "--no-park" => options.park = false,
                _ => panic!("{arg} is not known; there are: --port --payload --rate --park --no-park"),
            }
        }
        assert!(options.rate > 0.0, "--rate must be more than 0");
        options
    }
}
