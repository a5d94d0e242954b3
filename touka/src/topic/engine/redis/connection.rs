//! [`Connection`], one open connection to a server.

use std::fmt;
use std::sync::Arc;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, Value};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::fault::RedisFault;
use super::pushes::PushSender;
use super::socket::Socket;

/// One open connection, which any number of tasks can use at once. It is closed when the last clone is dropped.
///
/// A task of its own, the driver, writes the commands in the order in which they were called, and matches replies to
/// them by that order. A caller that stops waiting changes nothing in it: the reply is read and dropped, and a command
/// that was not yet written is left out.
#[derive(Clone)]
pub(super) struct Connection {
    client: MultiplexedConnection,
    driver: Arc<Driver>,
    place: Arc<str>,
}

/// The task of a connection.
///
/// The crate aborts the drivers that it has spawned itself. This one is ours, and would otherwise go on until all
/// replies have been read, which never happens on a socket whose peer has vanished.
struct Driver {
    task: AbortHandle,
    /// Closed when the driver has ended, for whatever reason: an error, an abort, or the end of the runtime.
    running: watch::Receiver<()>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The first commands on a connection.
pub(super) fn setup(protocol: ProtocolVersion) -> RedisConnectionInfo {
    // `CLIENT LIST` shows the name and the version. Redis before 7.2 rejects the command that sets them; the crate
    // ignores that.
    RedisConnectionInfo::default().set_protocol(protocol).set_lib_name("touka", env!("CARGO_PKG_VERSION"))
}

impl Connection {
    /// Takes a new socket, and logs in. There is no deadline here; the caller sets one.
    pub(super) async fn start(
        socket: Socket,
        setup: &RedisConnectionInfo,
        pushes: Option<PushSender>,
        place: Arc<str>,
    ) -> Result<Self, RedisFault> {
        // The crate's defaults are a second and half a second. Here every call has its own deadline, and a reply that
        // comes later must find its place in the queue all the same.
        let mut config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        if let Some(pushes) = pushes {
            config = config.set_push_sender(move |info: PushInfo| {
                pushes.send(info);
                Ok::<_, SendError>(())
            });
        }
        let (client, driver) = MultiplexedConnection::new_with_config(setup, socket, config)
            .await
            .map_err(|error| RedisFault::opening(&place, error))?;
        let (running, is_running) = watch::channel(());
        let task = tokio::spawn(async move {
            let _running = running;
            driver.await;
        });
        let driver = Arc::new(Driver { task: task.abort_handle(), running: is_running });
        Ok(Self { client, driver, place })
    }

    /// The server, for errors and logs.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn is_open(&self) -> bool {
        self.driver.running.has_changed().is_ok()
    }

    /// Whether both are clones of one connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.driver, &other.driver)
    }

    /// Sends a command and waits for its reply.
    ///
    /// When the connection is lost, all commands in flight fail at once. The crate does not tell which of them were
    /// written, so that all of them are [`Outcome::Unknown`](super::fault::Outcome::Unknown). A command is known not to
    /// have been sent only if the connection was closed before the call.
    pub(super) async fn run(&self, command: &Cmd, deadline: Instant) -> Result<Value, RedisFault> {
        self.check_open()?;
        let mut client = self.client.clone();
        match timeout_at(deadline, client.send_packed_command(command)).await {
            Ok(reply) => self.reply(reply.and_then(Value::extract_error)),
            Err(_) => Err(RedisFault::timeout(&self.place)),
        }
    }

    /// Sends commands at once and waits for all replies. The error is that of the first command that failed; the
    /// others may have been executed.
    pub(super) async fn run_all(&self, commands: &Pipeline, deadline: Instant) -> Result<Vec<Value>, RedisFault> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.check_open()?;
        let mut client = self.client.clone();
        match timeout_at(deadline, client.send_packed_commands(commands, 0, commands.len())).await {
            Ok(replies) => self.reply(replies)?.into_iter().map(|reply| self.reply(reply.extract_error())).collect(),
            Err(_) => Err(RedisFault::timeout(&self.place)),
        }
    }

    /// Subscribes to channels of sharded pub/sub, and waits until the server has confirmed all.
    pub(super) async fn subscribe<C: AsRef<[u8]>>(
        &self,
        channels: impl IntoIterator<Item = C>,
        deadline: Instant,
    ) -> Result<(), RedisFault> {
        self.for_each_channel("SSUBSCRIBE", channels, deadline).await
    }

    /// Ends subscriptions, and waits until the server has confirmed all.
    pub(super) async fn unsubscribe<C: AsRef<[u8]>>(
        &self,
        channels: impl IntoIterator<Item = C>,
        deadline: Instant,
    ) -> Result<(), RedisFault> {
        self.for_each_channel("SUNSUBSCRIBE", channels, deadline).await
    }

    /// Sends one command for each channel: the server confirms each channel, and the crate takes each confirmation as
    /// the reply to one command. With several channels in one command, every later reply would go to another caller.
    async fn for_each_channel<C: AsRef<[u8]>>(
        &self,
        command: &str,
        channels: impl IntoIterator<Item = C>,
        deadline: Instant,
    ) -> Result<(), RedisFault> {
        let mut commands = redis::pipe();
        for channel in channels {
            commands.cmd(command).arg(channel.as_ref());
        }
        self.run_all(&commands, deadline).await.map(drop)
    }

    fn check_open(&self) -> Result<(), RedisFault> {
        if self.is_open() {
            return Ok(());
        }
        Err(RedisFault::unreachable(&self.place, "the connection was closed before the command was sent"))
    }

    fn reply<T>(&self, reply: Result<T, redis::RedisError>) -> Result<T, RedisFault> {
        reply.map_err(|error| RedisFault::command(&self.place, error))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("place", &self.place).field("open", &self.is_open()).finish_non_exhaustive()
    }
}
