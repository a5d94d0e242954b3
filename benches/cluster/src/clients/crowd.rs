//! The clients of a process.

use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use super::client::Client;
use super::tally::Tally;
use crate::orders::{ClientsOrder, Report};
use crate::{failed, say};

/// The maximum number of connections without a response. More would overflow the backlogs of the nodes.
const AT_ONCE: usize = 128;

/// The time without any event after which missing ones count as lost, and without any response after which a connection
/// counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

const WAKER: Token = Token(usize::MAX);

struct Crowd {
    /// The third byte of the addresses that the clients connect from.
    source: u8,
    poll: Poll,
    events: Events,
    clients: Vec<Option<Client>>,
    /// The number of connections without a response.
    waiting: usize,
    buffer: Vec<u8>,
    tallies: Vec<Tally>,
    /// The time of the last event or response.
    progress: Instant,
}

/// Follows orders from standard input until it ends.
pub(crate) fn run(source: &str) -> Result<(), String> {
    let poll = Poll::new().map_err(failed("a poll"))?;
    let waker = Waker::new(poll.registry(), WAKER).map_err(failed("a waker"))?;
    let orders = orders(Arc::new(waker));
    let mut crowd = Crowd {
        source: source.parse().map_err(failed("the number of the source"))?,
        poll,
        events: Events::with_capacity(1024),
        clients: Vec::new(),
        waiting: 0,
        buffer: vec![0; 256 * 1024],
        tallies: Vec::new(),
        progress: Instant::now(),
    };
    loop {
        match orders.try_recv() {
            Ok(order) => {
                let report = crowd.follow(order).map_err(failed("the poll"))?;
                say(&format!("report {}", serde_json::to_string(&report).map_err(failed("a response"))?))?;
            }
            Err(TryRecvError::Empty) => crowd.turn().map_err(failed("the poll"))?,
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

fn orders(waker: Arc<Waker>) -> Receiver<ClientsOrder> {
    let (sender, orders) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(order) => drop(sender.send(order)),
                Err(error) => eprintln!("clients: {line}: {error}"),
            }
            let _ = waker.wake();
        }
        drop(sender);
        let _ = waker.wake();
    });
    orders
}

impl Crowd {
    fn follow(&mut self, order: ClientsOrder) -> io::Result<Report> {
        match order {
            ClientsOrder::Open { port, group, topics, clients } => {
                let group = self.group(&group);
                self.progress = Instant::now();
                for index in 0..topics * clients {
                    self.connect(port, group, index % topics);
                    while self.waiting >= AT_ONCE && self.progress.elapsed() < PATIENCE {
                        self.turn()?;
                    }
                }
                while self.waiting > 0 && self.progress.elapsed() < PATIENCE {
                    self.turn()?;
                }
                Ok(self.tallies[group].take(0))
            }
            ClientsOrder::Expect { group, newest } => {
                let group = self.group(&group);
                self.progress = Instant::now();
                let wanted = self.tallies[group].count() + self.missing(group, &newest);
                while self.tallies[group].count() < wanted && self.progress.elapsed() < PATIENCE {
                    self.turn()?;
                }
                let missing = self.missing(group, &newest);
                let mut report = self.tallies[group].take(newest.first().copied().unwrap_or_default());
                report.clients = self.members(group).count() as u64;
                report.lost += missing;
                Ok(report)
            }
        }
    }

    /// The index of the tally of a group.
    fn group(&mut self, name: &str) -> usize {
        self.tallies.iter().position(|tally| tally.group == name).unwrap_or_else(|| {
            self.tallies.push(Tally::new(name));
            self.tallies.len() - 1
        })
    }

    fn members(&self, group: usize) -> impl Iterator<Item = &Client> {
        self.clients.iter().flatten().filter(move |client| client.group == group)
    }

    /// The number of events that clients of a group do not have yet.
    fn missing(&self, group: usize, newest: &[u64]) -> u64 {
        let newest = |client: &Client| newest.get(client.topic).copied().unwrap_or_default();
        self.members(group).map(|client| newest(client).saturating_sub(client.last)).sum()
    }

    fn connect(&mut self, port: u16, group: usize, topic: usize) {
        let index = self.clients.len();
        let path = format!("/topics/{}-{topic}", self.tallies[group].group);
        let client = Client::connect(self.source, index, port, &path).and_then(|mut client| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut client.socket, Token(index), interest)?;
            Ok(client)
        });
        match client {
            Ok(mut client) => {
                (client.group, client.topic) = (group, topic);
                self.waiting += 1;
                self.clients.push(Some(client));
            }
            Err(error) => {
                self.tallies[group].error(format!("cannot connect: {error}"));
                self.clients.push(None);
            }
        }
    }

    /// Waits for events of the sockets, and handles them.
    fn turn(&mut self) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(Duration::from_millis(500))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for event in &self.events {
            let Some(client) = self.clients.get_mut(event.token().0) else { continue };
            let Some(open) = client else { continue };
            let tally = &mut self.tallies[open.group];
            let (was_waiting, before) = (open.is_waiting(), tally.count());
            let written = if event.is_writable() { open.writable() } else { Ok(()) };
            let read = written.and_then(|()| open.readable(&mut self.buffer, tally));
            let is_waiting = read.is_ok() && open.is_waiting();
            self.waiting -= usize::from(was_waiting && !is_waiting);
            // Keep-alives are not progress.
            if tally.count() > before || was_waiting && !is_waiting {
                self.progress = Instant::now();
            }
            if let Err(error) = read {
                tally.error(format!("a connection ended: {error}"));
                *client = None;
            }
        }
        Ok(())
    }
}
