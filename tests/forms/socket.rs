//! [`Socket`], a client's connection of any kind.

use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use socket2::SockRef;
use support::within;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, UnixStream};

use crate::form::{Form, Leave, Version};
use crate::scene::{Address, PATIENCE, Scene};

/// The receive buffer of the client's TCP connections: what the kernel buffers for a client that does not
/// read.
const RECEIVE_BUFFER: u32 = 64 * 1024;

pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<I: AsyncRead + AsyncWrite + Send + Unpin> Io for I {}

/// A second handle to a client's socket. The connection above it may be in a task of its own.
pub(crate) struct Control(OwnedFd);

impl Control {
    fn of(socket: &impl AsFd) -> Self {
        Self(socket.as_fd().try_clone_to_owned().expect("a descriptor"))
    }

    /// The client's own address, over TCP.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        SockRef::from(&self.0).local_addr().expect("an address").as_socket()
    }

    /// Sends a FIN. The client reads on.
    pub(crate) fn half_close(&self) {
        SockRef::from(&self.0).shutdown(Shutdown::Write).expect("half of it closes");
    }

    /// Sets how the socket closes once its other owner has dropped it.
    pub(crate) fn leave(self, how: Leave) {
        if how == Leave::Reset {
            SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).expect("set linger");
        }
    }
}

/// Connects as a client of this form.
pub(crate) async fn connect(scene: &Scene) -> (Box<dyn Io>, Control) {
    let connected = async {
        match &scene.place {
            Address::Unix(path) => {
                let socket = UnixStream::connect(path).await.expect("connect");
                let control = Control::of(&socket);
                (boxed(socket), control)
            }
            Address::Tcp(address) => {
                let socket = TcpSocket::new_v4().expect("a socket");
                socket.set_recv_buffer_size(RECEIVE_BUFFER).expect("set the buffer size");
                let socket = socket.connect(*address).await.expect("connect");
                let control = Control::of(&socket);
                match &scene.certificate {
                    None => (boxed(socket), control),
                    Some(certificate) => (boxed(certificate.connect(socket, &[protocol(scene.form)]).await), control),
                }
            }
        }
    };
    within(PATIENCE, "connect", connected).await
}

fn boxed(io: impl Io + 'static) -> Box<dyn Io> {
    Box::new(io)
}

/// The protocol that ALPN must agree on.
fn protocol(form: Form) -> &'static [u8] {
    if form.version() == Version::Http2 { b"h2" } else { b"http/1.1" }
}
