//! A port that stays free for one test.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// An address on loopback that servers can listen on, one after the other.
///
/// A port that is merely free may be taken at any time: by the listener of another test, or by the kernel for
/// one of the thousands of connections that tests make. This one is bound, without listening, for as long as
/// the value lives. A server binds to it as well, with `SO_REUSEADDR`.
#[derive(Debug)]
pub struct ReservedPort {
    /// The address to listen on.
    pub address: SocketAddr,
    _bound: TcpSocket,
}

impl ReservedPort {
    /// Reserves a port.
    ///
    /// # Panics
    /// The system has no free port.
    #[expect(clippy::new_without_default, reason = "each call takes a port from the system")]
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("let servers bind to it too");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        Self { address: socket.local_addr().expect("an address"), _bound: socket }
    }
}
