//! How an example begins.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};

use touka::server::Listener;

/// Where an example listens if no argument says otherwise.
const ADDRESS: &str = "127.0.0.1:3000";

/// Opens the address that is the program's first argument, and prints it and the routes.
///
/// # Errors
/// The address cannot be opened, or nothing can be printed.
pub async fn begin(name: &str, routes: impl IntoIterator<Item: Display>) -> Result<Listener, Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| ADDRESS.to_owned());
    let listener = Listener::bind(&address).await?;

    let mut out = io::stdout().lock();
    writeln!(out, "{name}: http://{}", listener.local_addr()?)?;
    for route in routes {
        writeln!(out, "  {route}")?;
    }
    // A pipe would hold it back, and with it the port from whoever waits for this line.
    out.flush()?;
    Ok(listener)
}
