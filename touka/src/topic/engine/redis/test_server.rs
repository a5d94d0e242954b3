//! [`TestServer`], a redis-server for one test.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

/// A redis-server on a port and in a folder of its own. It is killed when this is dropped, and the folder is removed.
pub(super) struct TestServer {
    child: Child,
    folder: Folder,
    port: Port,
    /// The port on which the servers of a cluster talk to each other.
    bus: Option<Port>,
    options: Vec<String>,
}

/// A folder that is removed at the end of the test.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("touka-redis-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A port that is reserved as long as this lives: it is bound, and nothing listens on it. A server binds to it as well,
/// with `SO_REUSEADDR`.
pub(super) struct Port {
    number: u16,
    _bound: TcpSocket,
}

impl Port {
    pub(super) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self { number: socket.local_addr().unwrap().port(), _bound: socket }
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

impl TestServer {
    pub(super) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more options, for example `["--requirepass", "secret"]`.
    pub(super) fn start_with(options: &[&str]) -> Self {
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        let (folder, port) = (Folder::new(), Port::new());
        let child = spawn(&folder, port.number, &options);
        Self { child, folder, port, bus: None, options }
    }

    /// Starts a server in cluster mode. It has no slots.
    pub(super) fn start_in_cluster_mode() -> Self {
        // By default, the second port is too high for some ports that are free.
        let bus = Port::new();
        let mut server = Self::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus.number.to_string()]);
        server.bus = Some(bus);
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.port.number
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port.number)
    }

    /// Runs redis-cli, whatever the role of the server is.
    pub(super) fn cli(&self, command: &[&str]) -> String {
        cli(self.port.number, command)
    }

    /// Sends SIGKILL and waits for the end.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again on the same port.
    pub(super) fn restart(&mut self) {
        self.child = spawn(&self.folder, self.port.number, &self.options);
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Folder, port: u16, options: &[String]) -> Child {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the tests need redis-server: apt-get install redis-server");
    await_port(&mut child, port);
    child
}

/// Starts a Sentinel that watches the primary at this port as the service `main`.
pub(super) fn sentinel(primary: u16, more: &str) -> Sentinel {
    let (folder, reserved) = (Folder::new(), Port::new());
    let port = reserved.number;
    // A Sentinel writes to its configuration.
    let path = folder.path().join("sentinel.conf");
    let lines = format!("port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {primary} 1\n{more}\n");
    fs::write(&path, lines).unwrap();
    let mut child = Command::new("redis-server")
        .arg(&path)
        .arg("--sentinel")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    await_port(&mut child, port);
    Sentinel { child, port, _reserved: reserved, _folder: folder }
}

pub(super) struct Sentinel {
    child: Child,
    pub(super) port: u16,
    _reserved: Port,
    _folder: Folder,
}

impl Sentinel {
    pub(super) fn cli(&self, command: &[&str]) -> String {
        cli(self.port, command)
    }
}

fn cli(port: u16, command: &[&str]) -> String {
    let done = Command::new("redis-cli").args(["-p", &port.to_string()]).args(command).output().unwrap();
    assert!(done.status.success(), "redis-cli: {}", done.status);
    String::from_utf8(done.stdout).unwrap()
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the server answers. It listens on its port before it opens its Unix socket, and answers after both.
fn await_port(child: &mut Child, port: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !answers(port) {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("redis-server ended: {status}");
        }
        assert!(Instant::now() < deadline, "redis-server does not answer");
        sleep(Duration::from_millis(10));
    }
}

fn answers(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.write_all(b"PING\r\n").is_ok() && matches!(socket.read(&mut [0; 16]), Ok(1..))
}
