//! [`Listen`], all that a server can be told to listen on.

use std::future::Future;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::listener::{Listener, open};
use crate::error::{Error, Result};

/// What a server can be told to listen on: an address, or a port that is open already.
pub trait Listen {
    /// Opens the port.
    ///
    /// # Errors
    /// It cannot be opened.
    fn listen(self) -> impl Future<Output = Result<Listener>> + Send;
}

impl Listen for &str {
    async fn listen(self) -> Result<Listener> {
        Listener::bind(self).await
    }
}

impl Listen for String {
    async fn listen(self) -> Result<Listener> {
        Listener::bind(&self).await
    }
}

impl Listen for SocketAddr {
    async fn listen(self) -> Result<Listener> {
        open(self).map(Listener::from).map_err(|error| Error::bind(&self, error))
    }
}

impl Listen for Listener {
    async fn listen(self) -> Result<Listener> {
        Ok(self)
    }
}

impl Listen for TcpListener {
    async fn listen(self) -> Result<Listener> {
        Ok(self.into())
    }
}

/// A socket that was handed over by a service manager, or by the process before this one.
impl Listen for std::net::TcpListener {
    async fn listen(self) -> Result<Listener> {
        let opened = self.set_nonblocking(true).and_then(|()| TcpListener::from_std(self));
        opened.map(Listener::from).map_err(|error| Error::bind(&"the listener that was handed over", error))
    }
}

#[cfg(unix)]
impl Listen for tokio::net::UnixListener {
    async fn listen(self) -> Result<Listener> {
        Ok(self.into())
    }
}

#[cfg(unix)]
impl Listen for std::os::unix::net::UnixListener {
    async fn listen(self) -> Result<Listener> {
        let opened = self.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(self));
        opened.map(Listener::from).map_err(|error| Error::bind(&"the listener that was handed over", error))
    }
}
