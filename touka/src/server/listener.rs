//! [`Listener`], the open port.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

use crate::error::{Error, Result};

/// Connections that the kernel keeps until they are accepted. After a deploy all clients come back
/// at once; past this the kernel drops them, and each waits a second or more to try again.
const BACKLOG: u32 = 4096;

/// How long the kernel tries to deliver bytes that nobody acknowledges, before it calls the
/// connection dead. Its own default is a quarter of an hour.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// After an error that is the process's own, such as too many open files: long enough for others
/// to finish, short enough that nobody notices.
const RETRY_ACCEPT: Duration = Duration::from_millis(50);

/// A port that is open: connections are being taken, if not yet answered.
///
/// ```
/// # async fn run(router: touka::Router) -> touka::Result<()> {
/// let listener = touka::server::Listener::bind("127.0.0.1:0").await?;
/// println!("http://{}", listener.local_addr()?);
/// router.serve(listener).await
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
}

impl Listener {
    /// Opens a port: `127.0.0.1:3000`, `[::]:443`, `localhost:0`. Port 0 takes any free one.
    ///
    /// # Errors
    /// The address has no such form, its name is not known, or the port cannot be had;
    /// [`Error::is_bind`].
    pub async fn bind(address: &str) -> Result<Self> {
        let addresses = lookup_host(address).await.map_err(|error| Error::bind(&address, error))?;
        let mut last = None;
        for candidate in addresses {
            match open(candidate) {
                Ok(inner) => return Ok(Self { inner }),
                Err(error) => last = Some(error),
            }
        }
        let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        Err(Error::bind(&address, last.unwrap_or_else(none)))
    }

    /// The address that clients reach it at; with port 0, the port that was found.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.inner.local_addr().map_err(|error| Error::bind(&"this listener", error))
    }

    /// The next connection. An error costs at most the connection it came with, never the server:
    /// it is logged, and the next one is taken.
    pub(super) async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    prepare(&stream);
                    return (stream, peer);
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    tracing::error!(target: "touka::server", %error, "cannot accept a connection");
                    tokio::time::sleep(RETRY_ACCEPT).await;
                }
            }
        }
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this would let two servers share a port; elsewhere it only skips TIME_WAIT.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Sets what a stream needs of its socket. A connection without it still works.
fn prepare(stream: &TcpStream) {
    // Events are small and must not wait for an acknowledgement of the one before.
    let nodelay = stream.set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let timeout = SockRef::from(stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let timeout: io::Result<()> = {
        let _ = (SockRef::from(stream), USER_TIMEOUT);
        Ok(())
    };
    if let Err(error) = nodelay.and(timeout) {
        tracing::debug!(target: "touka::server", %error, "cannot set up a connection's socket");
    }
}

/// The peer gave up before it was accepted.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A tokio listener, say one made from a socket that was handed over.
impl From<TcpListener> for Listener {
    fn from(inner: TcpListener) -> Self {
        Self { inner }
    }
}

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
