//! The beginning of an example.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};

use touka::server::Listener;

/// The default address of an example.
const ADDRESS: &str = "127.0.0.1:3000";

/// Opens the address that is the program's first argument, and prints it and the routes.
///
/// # Errors
/// The address cannot be opened, or the output fails.
pub async fn begin(name: &str, routes: impl IntoIterator<Item: Display>) -> Result<Listener, Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    let listener = Listener::bind(&address).await?;

    let mut out = io::stdout().lock();
    writeln!(out, "{name}: http://{}", listener.local_addr()?)?;
    for route in routes {
        writeln!(out, "  {route}")?;
    }
    // A pipe would buffer the line, and a program that waits for it would not get the port.
    out.flush()?;
    Ok(listener)
}
