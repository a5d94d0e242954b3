//! The baseline: one loop that calls `send` with the same bytes on each socket, and nothing else.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fanout::{Command, Options, Quote, Schedule, commands, say};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    content-type: text/event-stream\r\n\
    cache-control: no-cache\r\n\
    transfer-encoding: chunked\r\n\r\n";

/// The interval at which blocked clients are retried.
const RETRY: Duration = Duration::from_millis(2);

struct Client {
    socket: TcpStream,
    /// Bytes that the kernel did not accept, in order. Empty as long as the client keeps up.
    rest: Vec<Bytes>,
}

impl Client {
    /// Sends the remaining bytes and then the chunk. Returns false if the client has disconnected.
    fn send(&mut self, chunk: &Bytes) -> bool {
        if !self.rest.is_empty() {
            self.rest.push(chunk.clone());
            return self.send_rest();
        }
        match self.socket.write(chunk) {
            Ok(sent) if sent == chunk.len() => true,
            Ok(sent) => {
                self.rest.push(chunk.slice(sent..));
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.rest.push(chunk.clone());
                true
            }
            Err(_) => false,
        }
    }

    fn send_rest(&mut self) -> bool {
        while let Some(first) = self.rest.first_mut() {
            match self.socket.write(first) {
                Ok(sent) if sent == first.len() => drop(self.rest.remove(0)),
                Ok(sent) => *first = first.slice(sent..),
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        true
    }
}

fn main() {
    let options = Options::from_args();
    let listener = listen(options.port).expect("a free port");
    let clients = Arc::new(Mutex::new(Vec::new()));
    let (told, orders) = mpsc::channel();
    commands(move |command| {
        let _ = told.send(command);
    });
    say("ready");
    let accepted = clients.clone();
    thread::spawn(move || {
        loop {
            // A client that disconnects before its response, or sends no request, is skipped.
            if let Ok(client) = accept(&listener) {
                lock(&accepted).push(client);
            }
        }
    });
    run(options, &orders, &clients);
}

/// Listens with the backlog that the peers have: std's is 128.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

fn accept(listener: &TcpListener) -> io::Result<Client> {
    let (mut socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut head, mut read) = ([0; 1024], 0);
    while !head[..read].ends_with(b"\r\n\r\n") {
        match socket.read(&mut head[read..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => read += more,
        }
    }
    socket.write_all(HEAD)?;
    socket.set_nonblocking(true)?;
    Ok(Client { socket, rest: Vec::new() })
}

fn run(options: Options, orders: &Receiver<Command>, clients: &Mutex<Vec<Client>>) {
    let mut published = 0;
    loop {
        match orders.recv() {
            Ok(Command::Go) => {}
            Ok(Command::Stop) => continue,
            Ok(Command::Exit) | Err(_) => process::exit(0),
        }
        let mut schedule = Schedule::new(options.rate);
        loop {
            wait_until(schedule.tick(), clients);
            match orders.try_recv() {
                Ok(Command::Go) | Err(TryRecvError::Empty) => {}
                Ok(Command::Stop) => break,
                Ok(Command::Exit) | Err(TryRecvError::Disconnected) => process::exit(0),
            }
            published += 1;
            let chunk = encode(&Quote::new(published, options.payload));
            lock(clients).retain_mut(|client| client.send(&chunk));
        }
        say(&format!("published {published}"));
        // The last events may still be in transit.
        wait_until(Instant::now() + Duration::from_secs(1), clients);
    }
}

fn encode(quote: &Quote) -> Bytes {
    let event = format!("data: {}\n\n", quote.json());
    Bytes::from(format!("{:x}\r\n{event}\r\n", event.len()))
}

/// Sends the remaining bytes to blocked clients, and sleeps.
fn wait_until(time: Instant, clients: &Mutex<Vec<Client>>) {
    let mut full = true;
    while let Some(left) = time.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        if full {
            lock(clients).retain_mut(Client::send_rest);
            full = lock(clients).iter().any(|client| !client.rest.is_empty());
        }
        thread::sleep(if full { left.min(RETRY) } else { left });
    }
}

fn lock(clients: &Mutex<Vec<Client>>) -> MutexGuard<'_, Vec<Client>> {
    clients.lock().unwrap_or_else(PoisonError::into_inner)
}
