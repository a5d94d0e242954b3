//! [`Commands`], a connection for commands that is reopened when it is lost.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::Connection;
use super::connector::Connector;
use super::fault::{FaultKind, RedisFault};
use crate::stream::spread;

const LEAST_BACKOFF: Duration = Duration::from_millis(50);
const MOST_BACKOFF: Duration = Duration::from_secs(2);
/// A connection that was lost sooner than this after it was opened counts as a failed attempt.
const SETTLED: Duration = Duration::from_secs(1);
/// A connection on which a reply did not come for this long is replaced. Its server may have been suspended, or
/// replaced by another one, which the socket does not show.
const SUSPECT: Duration = Duration::from_secs(1);

/// A connection for commands, shared by all clones, which is reopened when it is lost.
///
/// A call opens it if there is none. A single task does so for all callers, with growing pauses between its attempts;
/// with Sentinels, each attempt asks them for the primary again. No command is sent twice.
#[derive(Clone)]
pub(super) struct Commands(Arc<Shared>);

struct Shared {
    connector: Arc<Connector>,
    status: watch::Sender<Status>,
    /// The number of connections that were opened.
    opened: watch::Sender<u64>,
    /// Whether a connection that is lost is not replaced.
    is_closed: AtomicBool,
}

#[derive(Clone)]
enum Status {
    Up {
        connection: Connection,
        opened: Instant,
    },
    /// No connection is open.
    Down {
        /// Whether the task that opens one is running. There is at most one such task.
        opening: bool,
        /// Whether there was a connection before.
        was_up: bool,
        /// The error of the last attempt.
        fault: Option<RedisFault>,
    },
    /// No connection is opened any more.
    Retired,
}

impl Commands {
    /// Creates the handle. The first call opens the connection; [`run`](Self::run) must be called in a tokio runtime.
    pub(super) fn new(connector: Arc<Connector>) -> Self {
        let (status, _) = watch::channel(Status::Down { opening: false, was_up: false, fault: None });
        Self(Arc::new(Shared { connector, status, opened: watch::Sender::new(0), is_closed: AtomicBool::new(false) }))
    }

    /// Waits for a connection, sends a command and waits for its reply, all until the deadline.
    ///
    /// # Errors
    /// [`RedisFault::outcome`] tells whether the command was executed. While Redis is away, the error comes at the
    /// deadline; it comes at once if waiting does not help: [`RedisFault::is_lasting`].
    pub(super) async fn run(&self, command: &Cmd, deadline: Instant) -> Result<Value, RedisFault> {
        loop {
            let connection = self.connection(deadline).await?;
            let sent = Instant::now();
            match connection.run(command, deadline).await {
                Err(fault) if fault.kind() == FaultKind::Unreachable => {} // closed just now, and nothing was sent
                Err(fault) => return Err(self.examined(fault, &connection, sent)),
                reply => return reply,
            }
        }
    }

    /// The number of connections that were opened. A new one may be to another server.
    pub(super) fn opened(&self) -> watch::Receiver<u64> {
        self.0.opened.subscribe()
    }

    /// The way to the server.
    pub(super) fn connector(&self) -> &Arc<Connector> {
        &self.0.connector
    }

    /// Whether both are clones of one handle.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Ends the use of the server, which keeps no topics any more: all calls that wait for a connection fail.
    pub(super) fn retire(&self) {
        self.0.status.send_replace(Status::Retired);
    }

    /// Opens no connection any more: all calls that wait for one fail. An open one is used until it is lost.
    pub(super) fn close(&self) {
        // Before the status is examined: afterwards no attempt begins.
        self.0.is_closed.store(true, Ordering::Release);
        self.0.status.send_if_modified(|status| {
            let is_down = matches!(status, Status::Down { .. });
            if is_down {
                *status = Status::Retired;
            }
            is_down
        });
    }

    /// Replaces the connection if the error of a command says so.
    fn examined(&self, fault: RedisFault, connection: &Connection, sent: Instant) -> RedisFault {
        if fault.is_elsewhere() {
            self.0.connector.doubt();
        }
        let suspect = fault.kind() == FaultKind::Timeout && sent.elapsed() >= SUSPECT;
        if suspect || fault.ends_connection() {
            self.0.reopen(Some((connection, &fault)));
        }
        fault
    }

    /// Returns the open connection, and waits for it until the deadline.
    pub(super) async fn connection(&self, deadline: Instant) -> Result<Connection, RedisFault> {
        let mut status = self.0.status.subscribe();
        loop {
            self.0.reopen(None);
            let (was_up, fault) = match &*status.borrow_and_update() {
                Status::Up { connection, .. } => return Ok(connection.clone()),
                Status::Down { was_up, fault, .. } => (*was_up, fault.clone()),
                Status::Retired => {
                    let place = self.0.connector.place();
                    let is_closed = self.0.is_closed.load(Ordering::Acquire);
                    let why = if is_closed { "the hub is closed" } else { "it is no longer a primary of the cluster" };
                    return Err(RedisFault::unreachable(place, why));
                }
            };
            // Where a name leads to the primary, it leads to a replica for some seconds of a failover.
            let passes = |fault: &RedisFault| was_up && fault.kind() == FaultKind::Unsuitable;
            if let Some(fault) = fault.as_ref().filter(|fault| fault.is_lasting() && !passes(fault)) {
                return Err(fault.clone());
            }
            if timeout_at(deadline, status.changed()).await.is_err() {
                let place = self.0.connector.place();
                return Err(fault.unwrap_or_else(|| RedisFault::unreachable(place, "there is no connection yet")));
            }
        }
    }
}

impl Shared {
    /// Starts the task that opens a connection, if the current one is closed or is the one that is named as lost, and
    /// if the task does not run yet. Commands in flight on the old connection keep it open until they are done.
    fn reopen(self: &Arc<Self>, lost: Option<(&Connection, &RedisFault)>) {
        let (mut is_lost, mut pause, mut is_closed) = (false, false, false);
        let is_modified = self.status.send_if_modified(|status| {
            let (was_up, fault) = match status {
                Status::Up { connection, opened } => {
                    let lost = lost.filter(|(lost, _)| connection.is(lost));
                    if lost.is_none() && connection.is_open() {
                        return false;
                    }
                    let error = lost.map(|(_, fault)| tracing::field::display(fault));
                    tracing::warn!(target: "touka::topic", redis = connection.place(), error, "lost the connection to Redis");
                    (is_lost, pause) = (true, opened.elapsed() < SETTLED);
                    (true, None)
                }
                Status::Down { opening: true, .. } | Status::Retired => return false,
                Status::Down { was_up, fault, .. } => (*was_up, fault.take()),
            };
            is_closed = self.is_closed.load(Ordering::Acquire);
            *status = if is_closed { Status::Retired } else { Status::Down { opening: true, was_up, fault } };
            true
        });
        if is_lost {
            self.connector.doubt();
        }
        if is_modified && !is_closed {
            let (status, opening) = (self.status.subscribe(), Opening(Arc::downgrade(self)));
            tokio::spawn(open_while_used(status, opening, Arc::clone(&self.connector), pause));
        }
    }
}

/// Opens a connection, until all `Commands` are dropped or retired.
async fn open_while_used(
    mut status: watch::Receiver<Status>,
    opening: Opening,
    connector: Arc<Connector>,
    pause: bool,
) {
    // Fails when all are dropped.
    let mut is_retired = pin!(status.wait_for(|status| matches!(status, Status::Retired)));
    let mut open = pin!(open(opening, connector, pause));
    poll_fn(|cx| if is_retired.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { open.as_mut().poll(cx) }).await;
}

/// Opens a connection, however many attempts it takes.
async fn open(opening: Opening, connector: Arc<Connector>, mut pause: bool) {
    let mut backoff = LEAST_BACKOFF;
    let mut failed = false;
    loop {
        if pause {
            // Many processes lose their connections at the same instant.
            sleep(spread(backoff / 2, backoff)).await;
            backoff = MOST_BACKOFF.min(backoff * 2);
        }
        pause = true;
        // Holds no `Shared` while it waits, so that dropping the last `Commands` ends the task.
        match connector.connect().await {
            Ok(connection) => {
                if failed {
                    tracing::info!(target: "touka::topic", redis = connection.place(), "Redis is back");
                }
                opening.opened(connection);
                return;
            }
            Err(fault) => {
                if !failed {
                    tracing::warn!(target: "touka::topic", error = %fault, "cannot open a connection to Redis: trying again");
                }
                failed = true;
                connector.doubt();
                if !opening.failed(fault) {
                    return;
                }
            }
        }
    }
}

/// Permit to open the connection. It is released when the task ends, even by the end of its runtime: the next call may
/// be in another runtime.
struct Opening(Weak<Shared>);

impl Opening {
    fn opened(&self, connection: Connection) {
        if let Some(shared) = self.0.upgrade() {
            let is_used = shared.status.send_if_modified(|status| match status {
                Status::Retired => false,
                Status::Up { .. } | Status::Down { .. } => {
                    *status = Status::Up { connection, opened: Instant::now() };
                    true
                }
            });
            if is_used {
                shared.opened.send_modify(|opened| *opened += 1);
            }
        }
    }

    /// Returns false if all `Commands` are dropped or retired.
    fn failed(&self, error: RedisFault) -> bool {
        let Some(shared) = self.0.upgrade() else { return false };
        shared.status.send_if_modified(|status| match status {
            Status::Down { fault, .. } => {
                *fault = Some(error);
                true
            }
            Status::Up { .. } | Status::Retired => false,
        })
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.status.send_if_modified(|status| match status {
                Status::Down { opening, .. } => std::mem::take(opening),
                Status::Up { .. } | Status::Retired => false,
            });
        }
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_up = matches!(&*self.0.status.borrow(), Status::Up { connection, .. } if connection.is_open());
        f.debug_struct("Commands").field("connector", &self.0.connector).field("up", &is_up).finish()
    }
}
