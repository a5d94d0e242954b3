//! A TCP proxy that can cut, refuse, delay and stall.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, mem};

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::reserved_port::ReservedPort;

/// The largest number of bytes that are read at once.
const CHUNK: usize = 16 * 1024;

/// The number of chunks in each direction that a connection holds back for a delay.
const CHUNKS: usize = 64;

/// The direction of bytes through a [`TcpProxy`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// A proxy in front of an address. All of it ends when this is dropped.
///
/// It passes bytes, and the end of each direction, until a test changes that.
#[derive(Debug)]
pub struct TcpProxy {
    shared: Arc<Shared>,
    /// Owns the listener. `None` while connections are refused.
    acceptor: Option<JoinHandle<()>>,
    port: ReservedPort,
}

#[derive(Debug)]
struct Shared {
    rules: watch::Sender<Rules>,
    connections: Mutex<JoinSet<()>>,
    accepted: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    server: SocketAddr,
    delay: Duration,
    to_server_stalls: bool,
    to_client_stalls: bool,
}

impl Rules {
    fn new(server: SocketAddr) -> Self {
        Self { server, delay: Duration::ZERO, to_server_stalls: false, to_client_stalls: false }
    }

    fn stalls(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToServer => self.to_server_stalls,
            Direction::ToClient => self.to_client_stalls,
        }
    }
}

impl TcpProxy {
    /// Starts a proxy, on the tokio runtime that this is called in.
    pub fn start(server: SocketAddr) -> Self {
        let shared = Shared {
            rules: watch::Sender::new(Rules::new(server)),
            connections: Mutex::default(),
            accepted: AtomicUsize::new(0),
        };
        let mut proxy = Self { shared: Arc::new(shared), acceptor: None, port: ReservedPort::new() };
        proxy.accept();
        proxy
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        let mut connections = self.shared.connections();
        while connections.try_join_next().is_some() {}
        connections.len()
    }

    /// The number of connections that were accepted so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Leads new connections to another server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.shared.rules.send_modify(|rules| rules.server = server);
    }

    /// Resets all connections, on both sides. Bytes that were held back are lost. New connections are
    /// accepted, among them those that wait in the listener's backlog.
    pub async fn cut(&self) {
        let mut connections = mem::take(&mut *self.shared.connections());
        connections.shutdown().await;
    }

    /// Refuses new connections, as a host without the server does. Connections that exist stay open.
    pub async fn refuse(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.abort();
            // The listener is closed once the task has ended.
            let _ = acceptor.await;
        }
    }

    /// Accepts new connections again after [`refuse`](Self::refuse).
    pub fn accept(&mut self) {
        if self.acceptor.is_none() {
            let listener = listen(self.port.address).expect("listen on the reserved port");
            self.acceptor = Some(tokio::spawn(accept_all(listener, Arc::clone(&self.shared))));
        }
    }

    /// Takes the server away: refuses new connections, and cuts those that exist.
    pub async fn go_down(&mut self) {
        self.refuse().await;
        self.cut().await;
    }

    /// Delays each byte that is read from now on, in both directions. A connection holds back up to 1 MiB in
    /// each, and then reads no more.
    pub fn delay(&self, delay: Duration) {
        self.shared.rules.send_modify(|rules| rules.delay = delay);
    }

    /// Stalls both directions, of present and new connections: they are accepted, but no byte and no end
    /// passes until [`resume`](Self::resume). Once the buffers of the kernel are full, writers are blocked.
    ///
    /// After this returns no byte passes.
    pub fn stall(&self) {
        self.stall_one(Direction::ToServer);
        self.stall_one(Direction::ToClient);
    }

    /// Stalls one direction, in addition to what is stalled already.
    pub fn stall_one(&self, direction: Direction) {
        self.shared.rules.send_modify(|rules| match direction {
            Direction::ToServer => rules.to_server_stalls = true,
            Direction::ToClient => rules.to_client_stalls = true,
        });
    }

    /// Ends each refusal, delay and stall: what was held back passes now, in order.
    pub fn resume(&mut self) {
        self.shared.rules.send_modify(|rules| *rules = Rules::new(rules.server));
        self.accept();
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        if let Some(acceptor) = &self.acceptor {
            acceptor.abort();
        }
        self.shared.connections().abort_all();
    }
}

impl Shared {
    fn connections(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept_all(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (client, _) = listener.accept().await.expect("accept");
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        let connection = connection(client, shared.rules.subscribe());
        // A connection that fails is reset, which is all that its sides can see of it.
        let connection = async { drop(connection.await) };
        let mut connections = shared.connections();
        while connections.try_join_next().is_some() {}
        connections.spawn(connection);
    }
}

/// Ends when both directions have ended, or when one fails.
async fn connection(client: TcpStream, rules: watch::Receiver<Rules>) -> io::Result<()> {
    set_up(&client)?;
    let address = rules.borrow().server;
    let server = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    set_up(&server)?;
    let server = server.connect(address).await?;
    let to_server = pass(&client, &server, Direction::ToServer, rules.clone());
    let to_client = pass(&server, &client, Direction::ToClient, rules);
    tokio::try_join!(to_server, to_client)?;
    // Both ends have passed, so these sockets are closed without a reset.
    for socket in [client, server] {
        SockRef::from(&socket).set_linger(None)?;
    }
    Ok(())
}

/// Lets a socket send at once, and makes it reset the connection when it is dropped, at whatever point its
/// task ends.
fn set_up<'socket, S>(socket: &'socket S) -> io::Result<()>
where
    SockRef<'socket>: From<&'socket S>,
{
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    socket.set_linger(Some(Duration::ZERO))
}

/// Passes the bytes of one direction, and then its end.
async fn pass(from: &TcpStream, to: &TcpStream, direction: Direction, rules: watch::Receiver<Rules>) -> io::Result<()> {
    let (queue, queued) = mpsc::channel(CHUNKS);
    tokio::try_join!(read(from, queue, direction, rules.clone()), write(to, queued, direction, rules))?;
    Ok(())
}

/// Queues bytes with the time at which they are due.
async fn read(
    from: &TcpStream,
    queue: mpsc::Sender<(Instant, Bytes)>,
    direction: Direction,
    mut rules: watch::Receiver<Rules>,
) -> io::Result<()> {
    loop {
        flowing(&mut rules, direction).await?;
        from.readable().await?;
        let mut chunk = vec![0; CHUNK];
        let length = match from.try_read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        chunk.truncate(length);
        let due = Instant::now() + rules.borrow().delay;
        queue.send((due, chunk.into())).await.map_err(io::Error::other)?;
    }
}

/// Writes what is queued, and ends the direction when the queue has ended.
async fn write(
    to: &TcpStream,
    mut queue: mpsc::Receiver<(Instant, Bytes)>,
    direction: Direction,
    mut rules: watch::Receiver<Rules>,
) -> io::Result<()> {
    while let Some((due, mut bytes)) = queue.recv().await {
        tokio::time::sleep_until(due).await;
        while !bytes.is_empty() {
            flowing(&mut rules, direction).await?;
            to.writable().await?;
            // The borrow keeps the rules from changing: once they say that this direction stalls, no byte
            // passes.
            let borrowed = rules.borrow();
            if borrowed.stalls(direction) {
                continue;
            }
            match to.try_write(&bytes) {
                Ok(length) => drop(bytes.split_to(length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    flowing(&mut rules, direction).await?;
    SockRef::from(to).shutdown(std::net::Shutdown::Write)
}

/// Waits until a direction does not stall.
async fn flowing(rules: &mut watch::Receiver<Rules>, direction: Direction) -> io::Result<()> {
    rules.wait_for(|rules| !rules.stalls(direction)).await.map_err(io::Error::other)?;
    Ok(())
}
