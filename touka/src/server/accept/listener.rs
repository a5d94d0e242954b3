//! [`Listener`], an open port.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

use super::backlog::{Backlog, Closing, is_of_the_peer};
#[cfg(unix)]
use super::unix;
use crate::error::{Error, Result};
use crate::server::io::socket::Socket;

/// Length of the kernel's queue of connections that are not yet accepted. After a deploy all clients reconnect
/// at once; beyond this length the kernel drops connections, and each client waits a second or more to retry.
const BACKLOG: u32 = 4096;

/// Pause after an error of the process itself, such as too many open files: long enough for other connections
/// to finish, too short for clients to notice.
const RETRY_ACCEPT: Duration = Duration::from_millis(50);

/// An open port. The kernel queues connections from now on; they are answered once a server serves it.
///
/// ```
/// # async fn run(router: touka::Router) -> touka::Result<()> {
/// let listener = touka::server::Listener::bind("127.0.0.1:0").await?;
/// println!("http://{}", listener.local_addr()?);
/// router.serve(listener).await
/// # }
/// ```
///
/// A socket that another process has opened, such as a service manager, can be used: `Listener` converts from
/// tokio's listeners, and every `serve` also takes the listeners of `std`.
#[derive(Debug)]
pub struct Listener {
    /// At least one.
    ports: Vec<Inner>,
    /// The port that is polled first. It changes, so that no port starves the others.
    next: AtomicUsize,
}

#[derive(Debug)]
enum Inner {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
}

impl Listener {
    /// Binds to an address: `127.0.0.1:3000`, `[::]:443`, `localhost:0`, or a Unix socket:
    /// `unix:/run/app.sock`.
    ///
    /// With port 0 the system chooses a free port. The file of a Unix socket that no process listens on is
    /// replaced.
    ///
    /// # Errors
    /// The address is malformed, its name cannot be resolved, or it cannot be bound: [`Error::is_bind`].
    pub async fn bind(address: &str) -> Result<Self> {
        #[cfg(unix)]
        if let Some(path) = address.strip_prefix("unix:") {
            let opened = unix::open(path.as_ref()).await;
            return opened.map(Self::from).map_err(|error| Error::bind(&address, error));
        }
        let addresses = lookup_host(address).await.map_err(|error| Error::bind(&address, error))?;
        let mut last = None;
        for candidate in addresses {
            match open(candidate) {
                Ok(inner) => return Ok(inner.into()),
                Err(error) => last = Some(error),
            }
        }
        let none = || io::Error::new(io::ErrorKind::NotFound, "the name resolves to no address");
        Err(Error::bind(&address, last.unwrap_or_else(none)))
    }

    /// Returns the local address. For port 0 it has the port that the system has chosen. Of several addresses it is
    /// the first.
    ///
    /// # Errors
    /// The listener is a Unix socket, or the system does not report the address.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let mut addresses = self.ports.iter().map(|port| match port {
            Inner::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Inner::Unix(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "a Unix socket has no address and port")),
        });
        let none = || Err(io::Error::new(io::ErrorKind::NotFound, "no port is open"));
        addresses.next().unwrap_or_else(none).map_err(|error| Error::bind(&"this listener", error))
    }

    /// Accepts the next connection. An error concerns at most the connection it came with, never the server: it
    /// is logged, and the next connection is accepted.
    pub(in crate::server) async fn accept(&self, write_time: Duration) -> (Socket, Option<SocketAddr>) {
        // Logged once: a process without free descriptors would fill its log.
        let mut logged = false;
        loop {
            match self.try_accept(write_time).await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    if !logged {
                        tracing::error!(target: "touka::server", %error, "cannot accept connections for now");
                    }
                    logged = true;
                    tokio::time::sleep(RETRY_ACCEPT).await;
                }
            }
        }
    }

    /// Several listeners as one. `None` if there are none.
    pub(in crate::server) fn join(listeners: Vec<Self>) -> Option<Self> {
        let ports: Vec<_> = listeners.into_iter().flat_map(|listener| listener.ports).collect();
        (!ports.is_empty()).then(|| Self { ports, next: AtomicUsize::new(0) })
    }

    /// The connections that the kernel has accepted by now. The ports close with it.
    pub(in crate::server) fn into_backlogs(self, write_time: Duration) -> impl Iterator<Item = io::Result<Backlog>> {
        self.ports.into_iter().map(move |port| {
            let listener = match port {
                Inner::Tcp(listener) => Closing::Tcp(listener.into_std()?),
                #[cfg(unix)]
                Inner::Unix(listener) => Closing::Unix(listener.into_std()?),
            };
            Ok(Backlog { listener, write_time, left: BACKLOG as usize })
        })
    }

    async fn try_accept(&self, write_time: Duration) -> io::Result<(Socket, Option<SocketAddr>)> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.ports.len();
        let (late, early) = self.ports.split_at(first);
        poll_fn(|cx| {
            for port in early.iter().chain(late) {
                if let Poll::Ready(accepted) = port.poll_accept(write_time, cx) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl Inner {
    fn poll_accept(
        &self,
        write_time: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Socket, Option<SocketAddr>)>> {
        Poll::Ready(match self {
            Self::Tcp(listener) => ready!(listener.poll_accept(cx))
                .map(|(stream, peer)| (Socket::from_tcp(stream, write_time), Some(peer))),
            #[cfg(unix)]
            Self::Unix(listener) => ready!(listener.poll_accept(cx)).map(|(stream, _)| (Socket::Unix(stream), None)),
        })
    }
}

pub(in crate::server) fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this option would let two servers share a port; elsewhere it only skips TIME_WAIT.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self { ports: vec![Inner::Tcp(listener)], next: AtomicUsize::new(0) }
    }
}

#[cfg(unix)]
impl From<tokio::net::UnixListener> for Listener {
    fn from(listener: tokio::net::UnixListener) -> Self {
        Self { ports: vec![Inner::Unix(listener)], next: AtomicUsize::new(0) }
    }
}
