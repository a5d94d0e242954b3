//! The keeper of an engine: a server of Redis or NATS with a folder and ports of its own, until standard input ends.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, process};

use socket2::{Domain, Socket, Type};

use crate::orders::EngineFigures;
use crate::{failed, say};

/// How long a server may take to start, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The settings that docs/scaling.md recommends.
const REDIS: &str = "
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
client-output-buffer-limit pubsub 256mb 64mb 60
";

/// Starts a server, prints its URL and the id of its process, and its figures at each line of standard input.
pub(crate) fn run(kind: &str) -> Result<(), String> {
    let mut server = match kind {
        "redis" => Server::redis(),
        "nats" => Server::nats(),
        _ => Err(format!("\"{kind}\" is no engine; there are: redis nats")),
    }?;
    server.wait()?;
    say(&format!("ready {kind}://{} {}", server.address.address, server.child.id()))?;
    for line in io::stdin().lock().lines() {
        line.map_err(failed("standard input"))?;
        let figures = serde_json::to_string(&server.figures()?).map_err(failed("a response"))?;
        say(&format!("figures {figures}"))?;
    }
    Ok(())
}

/// A port that is bound, without listening, for as long as the value lives. A server binds to it as well, with
/// `SO_REUSEADDR`; the kernel gives it to no other socket.
struct ReservedPort {
    address: SocketAddr,
    _bound: Socket,
}

impl ReservedPort {
    fn new() -> Result<Self, String> {
        let reserve = || {
            let bound = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            bound.set_reuse_address(true)?;
            bound.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            let address = bound.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidData)?;
            Ok(Self { address, _bound: bound })
        };
        reserve().map_err(|error: io::Error| format!("no free port: {error}"))
    }
}

/// A folder, which is removed with its content when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = env::temp_dir().join(format!("touka-cluster-{}", process::id()));
        // Left by a killed process with the same id.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).map_err(failed("cannot make a folder"))?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(failed("cannot write the configuration"))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Server {
    child: Child,
    folder: Folder,
    address: ReservedPort,
    /// The address of NATS' monitoring.
    monitor: Option<ReservedPort>,
}

impl Server {
    fn redis() -> Result<Self, String> {
        let (folder, address) = (Folder::new()?, ReservedPort::new()?);
        let (ip, port) = (address.address.ip(), address.address.port());
        let text = format!("bind {ip}\nport {port}\ndir {}\n{REDIS}", folder.0.display());
        let file = folder.write("redis.conf", &text)?;
        let child = start("redis-server", &[file.as_os_str().to_owned()], &folder.0)?;
        Ok(Self { child, folder, address, monitor: None })
    }

    fn nats() -> Result<Self, String> {
        let (folder, address, monitor) = (Folder::new()?, ReservedPort::new()?, ReservedPort::new()?);
        let (store, listen, http) = (folder.0.join("store"), address.address, monitor.address);
        let text =
            format!("listen: \"{listen}\"\nhttp: \"{http}\"\njetstream {{ store_dir: \"{}\" }}\n", store.display());
        let file = folder.write("nats.conf", &text)?;
        let child = start("nats-server", &["-c".into(), file.into_os_string()], &folder.0)?;
        Ok(Self { child, folder, address, monitor: Some(monitor) })
    }

    /// Waits until the server responds.
    fn wait(&mut self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            // NATS' monitoring responds before it listens for nodes.
            let greeted = self.greet().map_err(failed("the server does not listen"));
            let Err(error) = greeted.and_then(|()| self.figures()) else { return Ok(()) };
            let ended = self.child.try_wait().map_err(failed("the server"))?;
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(self.folder.0.join("log")).unwrap_or_default();
                return Err(format!("the server does not run: {error}\n{log}"));
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Connects as a node does. NATS speaks first.
    fn greet(&self) -> io::Result<()> {
        let socket = connect(self.address.address)?;
        match self.monitor {
            Some(_) => BufReader::new(socket).read_line(&mut String::new()).map(drop),
            None => Ok(()),
        }
    }

    fn figures(&self) -> Result<EngineFigures, String> {
        let figures = match &self.monitor {
            None => redis_figures(self.address.address),
            Some(monitor) => nats_figures(monitor.address),
        };
        let figures = figures.map_err(failed("the figures of the server"))?;
        Ok(EngineFigures { disk: size(&self.folder.0), ..figures })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process of this one, which is waited for here alone: its id cannot be that of another.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn start(program: &str, arguments: &[std::ffi::OsString], folder: &Path) -> Result<Child, String> {
    let log = File::create(folder.join("log")).map_err(failed("cannot create a log"))?;
    // Debian installs some servers in /usr/sbin, which is not in every PATH.
    let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
    let mut command = Command::new(program);
    command.env("PATH", path).args(arguments).stdin(Stdio::null());
    let errors = log.try_clone().map_err(failed("a second handle of the log"))?;
    let started = command.stdout(log).stderr(errors).spawn();
    started.map_err(|error| format!("cannot start {program}: {error}; on Debian: apt-get install {program}"))
}

/// The size of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn redis_figures(address: SocketAddr) -> io::Result<EngineFigures> {
    let mut socket = connect(address)?;
    socket.write_all(b"INFO\r\n")?;
    let mut reader = BufReader::new(socket);
    let mut length = String::new();
    reader.read_line(&mut length)?;
    let length = length.trim_start_matches('$').trim().parse().map_err(io::Error::other)?;
    let mut info = vec![0; length];
    reader.read_exact(&mut info)?;
    let info = String::from_utf8_lossy(&info);
    let field = |name: &str| {
        let mut fields = info.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(key, _)| *key == name)?;
        value.parse().ok()
    };
    let field = |name| field(name).ok_or_else(|| io::Error::other(format!("INFO has no {name}")));
    Ok(EngineFigures {
        bytes_in: field("total_net_input_bytes")?,
        bytes_out: field("total_net_output_bytes")?,
        memory: field("used_memory")?,
        disk: 0,
    })
}

fn nats_figures(address: SocketAddr) -> io::Result<EngineFigures> {
    let mut socket = connect(address)?;
    socket.write_all(b"GET /varz HTTP/1.0\r\n\r\n")?;
    let mut response = String::new();
    socket.read_to_string(&mut response)?;
    let (_, body) = response.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let varz: serde_json::Value = serde_json::from_str(body)?;
    let field = |name: &str| varz[name].as_u64().ok_or_else(|| io::Error::other(format!("/varz has no {name}")));
    Ok(EngineFigures { bytes_in: field("in_bytes")?, bytes_out: field("out_bytes")?, memory: field("mem")?, disk: 0 })
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}
