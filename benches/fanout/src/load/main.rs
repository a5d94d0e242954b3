//! Opens many event streams at once and counts what arrives on them. One process, one thread.
//!
//! ```sh
//! load --port 8080 --connections 2000 --payload 64
//! ```
//!
//! Prints `connected` as soon as all streams are open, reads until standard input has `end N`, where N is the
//! number of published events, and prints one line of JSON. The process ends by itself after `--seconds`
//! (300), or when standard input ends.

mod chunked;
mod client;
mod events;
mod tally;

use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};
use std::{env, thread};

use fanout::{raise_descriptors, say};
use mio::{Interest, Poll, Token, Waker};

use crate::client::{Client, Now};
use crate::tally::Tally;

/// The maximum number of connections without a response. More would overflow the servers' backlogs.
const AT_ONCE: usize = 128;

/// How long after `end` no event may arrive before the missing ones count as lost.
const PATIENCE: Duration = Duration::from_secs(3);

const WAKER: Token = Token(usize::MAX);

#[derive(Clone, Copy)]
struct Options {
    port: u16,
    connections: usize,
    payload: usize,
    seconds: u64,
}

impl Options {
    fn from_args() -> Self {
        let mut options = Self { port: 8080, connections: 2000, payload: 64, seconds: 300 };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let value = args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
            let number = || value.parse().unwrap_or_else(|_| panic!("{arg} needs a number"));
            match arg.as_str() {
                "--port" => options.port = value.parse().expect("--port needs a port"),
                "--connections" => options.connections = number(),
                "--payload" => options.payload = number(),
                "--seconds" => options.seconds = number() as u64,
                _ => panic!("{arg} is not known; there are: --port --connections --payload --seconds"),
            }
        }
        options
    }
}

struct Load {
    options: Options,
    poll: Poll,
    clients: Vec<Option<Client>>,
    /// The number of connections without a response.
    waiting: usize,
    buffer: Vec<u8>,
    tally: Tally,
}

fn main() -> io::Result<()> {
    raise_descriptors();
    let options = Options::from_args();
    let started = Instant::now();
    let mut load = Load {
        options,
        poll: Poll::new()?,
        clients: Vec::new(),
        waiting: 0,
        buffer: vec![0; 256 * 1024],
        tally: Tally::new(options.payload),
    };
    let ends = ends(Arc::new(Waker::new(load.poll.registry(), WAKER)?));
    while load.clients.len() < options.connections || load.waiting > 0 {
        load.connect_some();
        load.turn(started)?;
    }
    let connect = started.elapsed();
    say("connected");
    let published = loop {
        match ends.try_recv() {
            Ok(published) => break published,
            Err(TryRecvError::Empty) => load.turn(started)?,
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    };
    load.rest(published, started)?;
    let full = load.clients.iter().flatten().filter(|client| client.got >= published).count();
    let short = load.tally.opened.len().saturating_sub(full) as u64;
    let report = load.tally.report(connect, published, short);
    say(&serde_json::to_string(&report).expect("numbers and strings always serialize"));
    Ok(())
}

/// Receives the number of published events from standard input.
fn ends(waker: Arc<Waker>) -> Receiver<u64> {
    let (told, ends) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let number = line.strip_prefix("end ").and_then(|number| number.trim().parse().ok());
            match number {
                Some(number) => drop(told.send(number)),
                None => eprintln!("\"{line}\" is no command; there is: end N"),
            }
            let _ = waker.wake();
        }
        drop(told);
        let _ = waker.wake();
    });
    ends
}

impl Load {
    fn connect_some(&mut self) {
        while self.clients.len() < self.options.connections && self.waiting < AT_ONCE {
            let index = self.clients.len();
            let client = Client::connect(index, self.options.port).and_then(|mut client| {
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut client.socket, Token(index), interest)?;
                Ok(client)
            });
            match client {
                Ok(client) => {
                    self.waiting += 1;
                    self.clients.push(Some(client));
                }
                Err(error) => {
                    self.tally.error(&format!("cannot connect: {error}"));
                    self.clients.push(None);
                }
            }
        }
    }

    /// Waits for events of the sockets, and handles them. An error is the end of the process.
    fn turn(&mut self, started: Instant) -> io::Result<()> {
        if started.elapsed().as_secs() > self.options.seconds {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time is over: see --seconds"));
        }
        let mut events = mio::Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(Duration::from_millis(500))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for event in &events {
            let Some(client) = self.clients.get_mut(event.token().0) else { continue };
            let Some(open) = client else { continue };
            let written = if event.is_writable() { open.writable() } else { Ok(()) };
            match written.and_then(|()| open.readable(&mut self.buffer, &mut self.tally)) {
                Ok(Now::Same) => {}
                Ok(Now::Open) => self.waiting -= 1,
                Err(error) => {
                    self.waiting -= usize::from(open.is_waiting());
                    self.tally.error(&format!("a connection ended: {error}"));
                    *client = None;
                }
            }
        }
        Ok(())
    }

    /// Waits until all events have arrived, or none arrives any more.
    fn rest(&mut self, published: u64, started: Instant) -> io::Result<()> {
        let (mut events, mut progress) = (self.tally.events(), Instant::now());
        while self.clients.iter().flatten().any(|client| !client.done(published)) && progress.elapsed() < PATIENCE {
            self.turn(started)?;
            if self.tally.events() > events {
                (events, progress) = (self.tally.events(), Instant::now());
            }
        }
        Ok(())
    }
}
