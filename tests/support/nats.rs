//! A real NATS server with JetStream, with a process, a folder and a port of its own.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use crate::daemon::Daemon;
use crate::folder::Folder;
use crate::reserved_port::ReservedPort;
use crate::wait::within;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A release of NATS that the tests run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NatsRelease {
    /// The one of Debian. In Debian 12 it is 2.9, the oldest that touka supports.
    Debian,
    /// The one that `scripts/test.sh` names.
    Newest,
}

impl NatsRelease {
    const fn program(self) -> &'static str {
        match self {
            Self::Debian => "nats-server",
            Self::Newest => "newest-nats-server",
        }
    }
}

/// A NATS server, which is killed when this is dropped. Its port stays reserved while it is down, so clients
/// are refused then.
#[derive(Debug)]
pub struct NatsServer {
    // The process ends before its folder is removed: fields are dropped in this order.
    daemon: Daemon,
    folder: Folder,
    port: ReservedPort,
}

impl NatsServer {
    /// Starts Debian's server with an empty store.
    ///
    /// # Panics
    /// nats-server is not installed.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts a server of this release, with an empty store.
    ///
    /// # Panics
    /// The server is not installed.
    pub async fn of(release: NatsRelease) -> Self {
        let folder = Folder::new();
        let jetstream = format!("jetstream {{ store_dir: \"{}\" }}", folder.path("store"));
        Self::start_at(release, ReservedPort::new(), folder, &jetstream).await
    }

    /// Starts a server with lines for its configuration file, such as `max_payload: 1MB`.
    ///
    /// # Panics
    /// nats-server is not installed, or rejects the configuration; the message contains its output.
    pub async fn start_with(lines: &str) -> Self {
        let folder = Folder::new();
        let jetstream = format!("jetstream {{ store_dir: \"{}\" }}\n{lines}", folder.path("store"));
        Self::start_in(folder, &jetstream).await
    }

    /// Starts a server that has no JetStream.
    ///
    /// # Panics
    /// nats-server is not installed.
    pub async fn without_jetstream() -> Self {
        Self::start_in(Folder::new(), "").await
    }

    async fn start_in(folder: Folder, lines: &str) -> Self {
        Self::start_at(NatsRelease::Debian, ReservedPort::new(), folder, lines).await
    }

    pub(crate) async fn start_at(release: NatsRelease, port: ReservedPort, folder: Folder, lines: &str) -> Self {
        let (address, file) = (port.address, folder.path("nats.conf"));
        let configuration = format!("listen: \"{address}\"\n{lines}\n");
        fs::write(&file, configuration).expect("write the configuration");
        let daemon = Daemon::new(release.program(), &["-c", &file], folder.path("nats.log"));
        let mut server = Self { daemon, folder, port };
        server.start_again().await;
        server
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// The URL, as in `nats://127.0.0.1:40001`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Starts the server again, on its port and with its store.
    ///
    /// # Panics
    /// The server runs already.
    pub async fn start_again(&mut self) {
        let address = self.port.address;
        // The server recovers its store before it listens.
        self.daemon.start(async || connect(address).await.is_ok()).await;
    }

    /// Kills the server with SIGKILL, running or paused.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Stops the server with SIGTERM.
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

    /// Stops the server, and starts it again after a copy of its store was made.
    ///
    /// No client should publish meanwhile: its messages may be in the copy or not.
    pub async fn save(&mut self) -> NatsStore {
        self.stop().await;
        let copy = Folder::new();
        copy_folder(&self.store(), &copy.path("store")).expect("copy the store");
        self.start_again().await;
        NatsStore(copy)
    }

    /// Kills the server, and starts it with an older store. All later messages are lost.
    pub async fn roll_back(&mut self, store: &NatsStore) {
        self.kill();
        fs::remove_dir_all(self.store()).expect("remove the store");
        copy_folder(&store.0.path("store"), &self.store()).expect("copy the store");
        self.start_again().await;
    }

    /// Kills the server, and starts it with an empty store. All streams are lost.
    pub async fn lose_store(&mut self) {
        self.kill();
        fs::remove_dir_all(self.store()).expect("remove the store");
        self.start_again().await;
    }

    /// Publishes a request, and returns the first response. This publishes to streams as well, and calls the
    /// API of JetStream: `$JS.API.STREAM.DELETE.name`.
    ///
    /// # Panics
    /// The server is down. No subscriber and no stream has the subject.
    pub async fn request(&self, subject: &str, payload: &str) -> String {
        let response = request(self.address(), subject, payload);
        within(PATIENCE, "a response of NATS", response).await.unwrap_or_else(|error| panic!("{subject}: {error}"))
    }

    fn store(&self) -> String {
        self.folder.path("store")
    }
}

/// A copy of the store of a [`NatsServer`].
#[derive(Debug)]
pub struct NatsStore(Folder);

/// Connects, and reads the line that the server sends once it is ready.
async fn connect(address: SocketAddr) -> io::Result<BufStream<TcpStream>> {
    let mut connection = BufStream::new(TcpStream::connect(address).await?);
    let info = line(&mut connection).await?;
    if info.starts_with("INFO ") { Ok(connection) } else { Err(io::Error::other(info)) }
}

async fn request(address: SocketAddr, subject: &str, payload: &str) -> io::Result<String> {
    let mut connection = connect(address).await?;
    let length = payload.len();
    let request = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true}}\r\nSUB response 1\r\n\
         PUB {subject} response {length}\r\n{payload}\r\n"
    );
    connection.write_all(request.as_bytes()).await?;
    connection.flush().await?;
    loop {
        let line = line(&mut connection).await?;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["PING"] => {}
            ["MSG", .., length] => {
                let mut payload = vec![0; length.parse().expect("a length")];
                connection.read_exact(&mut payload).await?;
                return String::from_utf8(payload).map_err(io::Error::other);
            }
            // Without headers of its own, a message with headers is the server's status.
            ["HMSG", ..] => return Err(io::Error::other("no subscriber and no stream has the subject")),
            _ => return Err(io::Error::other(line)),
        }
    }
}

async fn line(connection: &mut BufStream<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line).await?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn copy_folder(from: &str, to: &str) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), std::path::Path::new(to).join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(from.to_str().expect("a plain name"), to.to_str().expect("a plain name"))?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}
