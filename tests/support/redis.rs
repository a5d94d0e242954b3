//! A real Redis or Valkey server, with a process, a folder and a port of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::daemon::Daemon;
use crate::folder::Folder;
use crate::reserved_port::ReservedPort;
use crate::resp::{RedisConnection, Reply, ask};
use crate::wait::eventually;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// When Redis flushes its append log to the disk (`appendfsync`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fsync {
    /// Before the reply to each write.
    Always,
    /// Each second.
    EverySecond,
    /// When the kernel does.
    Never,
}

/// The options of a [`RedisServer`].
///
/// By default a server writes snapshots only, as Redis does: when it is [stopped](RedisServer::stop) and when
/// it is [asked to](RedisServer::save), and not when it is killed.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    append_log: Option<Fsync>,
    pub(crate) password: Option<String>,
    is_valkey: bool,
    lines: Vec<String>,
}

impl RedisOptions {
    /// Keeps an append log (`appendonly yes`) instead of snapshots alone.
    #[must_use]
    pub fn append_log(mut self, fsync: Fsync) -> Self {
        self.append_log = Some(fsync);
        self
    }

    /// Starts Valkey instead of Redis.
    #[must_use]
    pub fn valkey(mut self) -> Self {
        self.is_valkey = true;
        self
    }

    /// Requires a password. [`command`](RedisServer::command) and the URL use it, and so do replicas with the
    /// same option.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Adds a line to the configuration file, such as `maxmemory-policy noeviction`.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Makes the server a replica, from its start on.
    #[must_use]
    pub fn replica_of(self, primary: &RedisServer) -> Self {
        let address = primary.address();
        self.config(&format!("replicaof {} {}", address.ip(), address.port()))
    }

    /// Starts the server.
    ///
    /// # Panics
    /// The server is not installed, or rejects the configuration; the message contains its output.
    pub async fn start(self) -> RedisServer {
        let (folder, port) = (Folder::new(), ReservedPort::new());
        let file = folder.path("redis.conf");
        std::fs::write(&file, self.file(port.address, &folder.path(""))).expect("write the configuration");
        let program = if self.is_valkey { "valkey-server" } else { "redis-server" };
        let daemon = Daemon::new(program, &[&file], folder.path("redis.log"));
        let mut server = RedisServer { daemon, options: self, folder, port };
        server.start_again().await;
        server
    }

    /// The configuration file.
    fn file(&self, address: SocketAddr, folder: &str) -> String {
        let mut lines = vec![
            format!("bind {}", address.ip()),
            format!("port {}", address.port()),
            format!("dir {folder}"),
            // An hour never passes in a test, but a server with a save point also saves when it is stopped.
            "save 3600 1".to_owned(),
            // By default a replica waits for others that could use the same transfer.
            "repl-diskless-sync-delay 0".to_owned(),
        ];
        if let Some(fsync) = self.append_log {
            let fsync = match fsync {
                Fsync::Always => "always",
                Fsync::EverySecond => "everysec",
                Fsync::Never => "no",
            };
            lines.extend(["appendonly yes".to_owned(), format!("appendfsync {fsync}")]);
        }
        if let Some(password) = &self.password {
            lines.extend([format!("requirepass {password}"), format!("masterauth {password}")]);
        }
        lines.extend_from_slice(&self.lines);
        lines.join("\n") + "\n"
    }
}

/// A snapshot of all data of a [`RedisServer`], in the format RDB.
#[derive(Clone, Debug)]
pub struct RedisSnapshot(Vec<u8>);

/// A Redis server, which is killed when this is dropped. Its port stays reserved while it is down, so clients
/// are refused then.
#[derive(Debug)]
pub struct RedisServer {
    // The process ends before its folder is removed: fields are dropped in this order.
    daemon: Daemon,
    options: RedisOptions,
    folder: Folder,
    port: ReservedPort,
}

impl RedisServer {
    /// Starts a server with the default options.
    ///
    /// # Panics
    /// redis-server is not installed.
    pub async fn start() -> Self {
        Self::options().start().await
    }

    /// The options of a server that is started by [`RedisOptions::start`].
    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// The URL, with the password if there is one: `redis://:secret@127.0.0.1:40001`.
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// Like [`url`](Self::url), for a way to the server through a proxy.
    pub fn url_at(&self, address: SocketAddr) -> String {
        match self.options.password.as_deref() {
            Some(password) => format!("redis://:{password}@{address}"),
            None => format!("redis://{address}"),
        }
    }

    /// Starts the server again, on its port and with the files in its folder.
    ///
    /// # Panics
    /// The server runs already.
    pub async fn start_again(&mut self) {
        let (address, password) = (self.port.address, self.options.password.as_deref());
        let ready = async || ask(address, password, &["PING"]).await.is_ok();
        self.daemon.start(ready).await;
    }

    /// Kills the server with SIGKILL, running or paused. Nothing is written.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Stops the server with SIGTERM. A server without an append log writes a snapshot.
    ///
    /// # Panics
    /// The server does not run, or is paused.
    pub async fn stop(&mut self) {
        self.daemon.stop().await;
    }

    /// Pauses the process with SIGSTOP: connections stay open and are accepted, but get no answers.
    ///
    /// # Panics
    /// The server does not run.
    pub async fn pause(&self) {
        self.daemon.pause().await;
    }

    /// Continues a [paused](Self::pause) process.
    ///
    /// # Panics
    /// The server does not run.
    pub async fn resume(&self) {
        self.daemon.resume().await;
    }

    /// Writes a snapshot, and returns a copy of it.
    pub async fn save(&self) -> RedisSnapshot {
        // A server that also sends its data to a new replica refuses to save.
        eventually(PATIENCE, "SAVE", async || self.try_command(&["SAVE"]).await.is_ok()).await;
        RedisSnapshot(std::fs::read(self.folder.path("dump.rdb")).expect("read the snapshot"))
    }

    /// Kills the server, and starts it with the data of an older snapshot, as after the loss of a disk. All
    /// later writes are lost.
    pub async fn roll_back(&mut self, snapshot: &RedisSnapshot) {
        self.kill();
        if self.options.append_log.is_some() {
            // Redis loads its append log and no snapshot, so the log is replaced by one that begins with it.
            let file = |name| self.folder.path(&format!("appendonlydir/appendonly.aof.{name}"));
            std::fs::remove_dir_all(self.folder.path("appendonlydir")).expect("remove the append log");
            std::fs::create_dir(self.folder.path("appendonlydir")).expect("make a folder");
            std::fs::write(file("1.base.rdb"), &snapshot.0).expect("write the base");
            let manifest = "file appendonly.aof.1.base.rdb seq 1 type b\n";
            std::fs::write(file("manifest"), manifest).expect("write the manifest");
        } else {
            std::fs::write(self.folder.path("dump.rdb"), &snapshot.0).expect("write the snapshot");
        }
        self.start_again().await;
    }

    /// Sends a command on a connection of its own, and returns the reply.
    ///
    /// # Panics
    /// The reply is an error, or the server is down.
    pub async fn command(&self, words: &[&str]) -> Reply {
        self.try_command(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Like [`command`](Self::command), for a command that may fail.
    ///
    /// # Errors
    /// The reply is an error, whose text is that of this one, or the server is down.
    pub async fn try_command(&self, words: &[&str]) -> io::Result<Reply> {
        ask(self.address(), self.options.password.as_deref(), words).await
    }

    /// Opens a connection, and sends the password if there is one.
    ///
    /// # Errors
    /// The server is down.
    pub async fn connect(&self) -> io::Result<RedisConnection> {
        RedisConnection::open(self.address(), self.options.password.as_deref()).await
    }

    /// The value of a field of `INFO`, such as `connected_clients`; `None` if there is no such field.
    pub async fn info(&self, field: &str) -> Option<String> {
        self.try_info(field).await.unwrap_or_else(|error| panic!("INFO: {error}"))
    }

    async fn try_info(&self, field: &str) -> io::Result<Option<String>> {
        let info = self.try_command(&["INFO", "everything"]).await?;
        let mut fields = info.text().lines().filter_map(|line| line.split_once(':'));
        Ok(fields.find_map(|(name, value)| (name == field).then(|| value.to_owned())))
    }

    /// Waits until a field of `INFO` has a value.
    ///
    /// # Panics
    /// This takes more than a minute.
    pub async fn until_info(&self, field: &str, value: &str) {
        self.until_info_is(field, |now| now == value).await;
    }

    async fn until_info_is(&self, field: &str, is_so: impl Fn(&str) -> bool) {
        // A change of roles closes the connections of clients, so a failure is no answer.
        let holds = async || self.try_info(field).await.ok().flatten().is_some_and(|value| is_so(&value));
        eventually(PATIENCE, &format!("{field} of the Redis on {}", self.address()), holds).await;
    }

    /// Waits until this replica has all that its primary has written by now.
    ///
    /// # Panics
    /// This takes more than a minute.
    pub async fn catches_up_with(&self, primary: &Self) {
        self.until_info("master_link_status", "up").await;
        let end = primary.info("master_repl_offset").await.expect("an offset").parse::<u64>().expect("a number");
        self.until_info_is("slave_repl_offset", |offset| offset.parse::<u64>().expect("a number") >= end).await;
        // The children that wrote snapshots for this have ended as well: a kill of the server leaves none.
        primary.until_info("rdb_bgsave_in_progress", "0").await;
        self.until_info("aof_rewrite_in_progress", "0").await;
    }

    /// Stops this replica from applying what its primary sends, while its connection stays up: it lags. What
    /// it has received and not applied is lost if the primary ends now.
    ///
    /// If it is promoted, writes of clients to it wait as well, until [`unlag`](Self::unlag).
    pub async fn lag(&self) {
        // Redis counts the connection from the primary as a client that writes.
        self.command(&["CLIENT", "PAUSE", "3600000", "WRITE"]).await;
    }

    /// Undoes [`lag`](Self::lag): the replica applies what it has received.
    pub async fn unlag(&self) {
        self.command(&["CLIENT", "UNPAUSE"]).await;
    }
}
