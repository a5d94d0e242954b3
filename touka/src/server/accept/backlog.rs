//! [`Backlog`], the connections that the kernel has accepted and the server has not.

use std::io;
use std::net::{SocketAddr, TcpListener};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::time::Duration;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::server::io::socket::Socket;

/// Iterates over the backlog without waiting for more. The port closes when this is dropped.
///
/// A client whose connection the kernel has accepted may have sent its request. Without this, closing
/// the port would reset it.
#[derive(Debug)]
pub(in crate::server) struct Backlog {
    pub(in crate::server) listener: Closing,
    pub(in crate::server) write_time: Duration,
    /// Maximum number of connections still to take: new ones may come in meanwhile.
    pub(in crate::server) left: usize,
}

/// A non-blocking listener of `std`. tokio's would report a connection only after its driver has run.
#[derive(Debug)]
pub(in crate::server) enum Closing {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Closing {
    fn accept(&self, write_time: Duration) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Socket::from_tcp(TcpStream::from_std(stream)?, write_time), Some(peer)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Socket::Unix(UnixStream::from_std(stream)?), None))
            }
        }
    }
}

impl Iterator for Backlog {
    type Item = (Socket, Option<SocketAddr>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            self.left -= 1;
            match self.listener.accept(self.write_time) {
                Ok(accepted) => return Some(accepted),
                Err(error) if is_of_the_peer(&error) || error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if error.kind() != io::ErrorKind::WouldBlock {
                        tracing::error!(target: "touka::server", %error, "cannot accept the last connections");
                    }
                    return None;
                }
            }
        }
        None
    }
}

/// Whether the error means that the peer gave up before it was accepted.
pub(in crate::server) fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
