//! [`IntoListener`], everything that a server can listen on.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::listener::{Listener, open};
use crate::error::{Error, Result};

/// Something that a server can listen on: an address, an open port, or an array of them.
///
/// ```no_run
/// # async fn run(app: touka::Router) -> touka::Result<()> {
/// app.serve(["127.0.0.1:3000", "[::1]:3000", "unix:/run/app.sock"]).await
/// # }
/// ```
pub trait IntoListener {
    /// Opens the port.
    ///
    /// # Errors
    /// The port cannot be opened; [`Error::is_bind`].
    fn into_listener(self) -> impl Future<Output = Result<Listener>> + Send;
}

impl IntoListener for &str {
    async fn into_listener(self) -> Result<Listener> {
        Listener::bind(self).await
    }
}

impl IntoListener for String {
    async fn into_listener(self) -> Result<Listener> {
        Listener::bind(&self).await
    }
}

impl IntoListener for SocketAddr {
    async fn into_listener(self) -> Result<Listener> {
        open(self).map(Listener::from).map_err(|error| Error::bind(&self, error))
    }
}

impl IntoListener for Listener {
    async fn into_listener(self) -> Result<Listener> {
        Ok(self)
    }
}

/// All of them at once.
impl<L: IntoListener + Send, const N: usize> IntoListener for [L; N] {
    async fn into_listener(self) -> Result<Listener> {
        all(self).await
    }
}

/// All of them at once.
impl<L: IntoListener + Send> IntoListener for Vec<L> {
    async fn into_listener(self) -> Result<Listener> {
        all(self).await
    }
}

async fn all<L: IntoListener>(several: impl IntoIterator<Item = L, IntoIter: Send>) -> Result<Listener> {
    let mut listeners = Vec::new();
    for one in several {
        listeners.push(one.into_listener().await?);
    }
    let none = || Error::bind(&"no address", io::Error::new(io::ErrorKind::InvalidInput, "no address is given"));
    Listener::join(listeners).ok_or_else(none)
}

impl IntoListener for TcpListener {
    async fn into_listener(self) -> Result<Listener> {
        Ok(self.into())
    }
}

/// A socket that a service manager or the previous process has handed over.
impl IntoListener for std::net::TcpListener {
    async fn into_listener(self) -> Result<Listener> {
        let opened = self.set_nonblocking(true).and_then(|()| TcpListener::from_std(self));
        opened.map(Listener::from).map_err(|error| Error::bind(&"the listener that was handed over", error))
    }
}

#[cfg(unix)]
impl IntoListener for tokio::net::UnixListener {
    async fn into_listener(self) -> Result<Listener> {
        Ok(self.into())
    }
}

#[cfg(unix)]
impl IntoListener for std::os::unix::net::UnixListener {
    async fn into_listener(self) -> Result<Listener> {
        let opened = self.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(self));
        opened.map(Listener::from).map_err(|error| Error::bind(&"the listener that was handed over", error))
    }
}
