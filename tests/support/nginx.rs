//! A real nginx, with a process, a folder and ports of its own.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Version;
use tokio::process::{Child, Command};

use crate::reserved_port::ReservedPort;
use crate::wait::within;

/// The placeholders of the upstreams in a configuration.
const UPSTREAMS: [&str; 2] = ["127.0.0.1:3000", "127.0.0.1:3001"];

/// The `listen` line of the page for users. The tests have no certificate, and need a port of their own, so
/// they replace it.
const LISTEN: &str = "listen 443 ssl http2;";

/// A running nginx, which is killed when this is dropped.
#[derive(Debug)]
pub struct Nginx {
    /// A single process: no workers that could outlive their master.
    child: Child,
    folder: Folder,
    http1: ReservedPort,
    http2: ReservedPort,
}

impl Nginx {
    /// Starts nginx in front of an upstream, with a configuration that names it `127.0.0.1:3000`.
    ///
    /// The configuration is a part of the file: one or more `location` blocks, `server` and `upstream`
    /// blocks, or settings of the whole program. Everything around it is nginx's default, so the part shows
    /// what is needed.
    ///
    /// # Panics
    /// nginx is not installed, or rejects the configuration; the message contains nginx's own.
    pub async fn start(upstream: SocketAddr, configuration: &str) -> Self {
        // For a configuration with two upstreams, both are this one.
        Self::start_before([upstream; 2], &[configuration]).await
    }

    /// Starts nginx in front of two upstreams, `127.0.0.1:3000` and `127.0.0.1:3001`, with a configuration in
    /// several parts of the kinds that [`start`](Self::start) accepts.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_before(upstreams: [SocketAddr; 2], configuration: &[&str]) -> Self {
        let pieces: Vec<_> = configuration.iter().map(|piece| with_upstreams(piece, upstreams)).collect();
        let (http1, http2, folder) = (ReservedPort::new(), ReservedPort::new(), Folder::create());
        let whole = whole(&pieces, upstreams[0], http1.address, http2.address);
        folder.write("nginx.conf", &whole);
        let mut nginx = Self { child: spawn(&folder.0), folder, http1, http2 };
        nginx.listens(&whole).await;
        nginx
    }

    /// The address that it listens on for this version of HTTP, in cleartext.
    pub fn address(&self, version: Version) -> SocketAddr {
        if version == Version::HTTP_2 { self.http2.address } else { self.http1.address }
    }

    /// The error log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.0.join("error.log")).unwrap_or_default()
    }

    /// Waits until nginx listens. It then writes its process id.
    async fn listens(&mut self, configuration: &str) {
        let listens = self.folder.0.join("nginx.pid");
        within(Duration::from_mins(1), "nginx's start", async {
            while !fs::read_to_string(&listens).is_ok_and(|id| id.ends_with('\n')) {
                if let Some(status) = self.child.try_wait().expect("ask for nginx's end") {
                    panic!("nginx ended with {status}:\n{}\n{configuration}", self.log());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// The code blocks of a language in a Markdown page, such as the deployment page.
///
/// # Panics
/// A block is not closed.
pub fn fragments<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    let blocks = page.split(open.as_str()).skip(1);
    blocks.map(|rest| rest.split_once("```").expect("the block is closed").0).collect()
}

fn spawn(folder: &Path) -> Child {
    // Debian installs it in /usr/sbin, which is not in every PATH.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
    let started = Command::new("nginx")
        .env("PATH", path)
        .args(["-c", "nginx.conf", "-e", "error.log", "-p"])
        .arg(folder)
        // nginx writes everything twice: to stderr and to its log.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("this test needs nginx; on Debian: apt-get install nginx")
        }
        Err(error) => panic!("cannot start nginx: {error}"),
    }
}

/// A part with the upstreams' real addresses. Invariant: the part has no other address yet, because one could
/// begin like the address that is replaced.
fn with_upstreams(piece: &str, upstreams: [SocketAddr; 2]) -> String {
    // In two steps, for the same reason.
    let marked = piece.replace(UPSTREAMS[0], "\0first").replace(UPSTREAMS[1], "\0second");
    marked.replace("\0first", &upstreams[0].to_string()).replace("\0second", &upstreams[1].to_string())
}

/// A complete configuration file around the parts.
fn whole(pieces: &[String], upstream: SocketAddr, http1: SocketAddr, http2: SocketAddr) -> String {
    // On a port in cleartext nginx speaks one version only until 1.25.1, hence two ports. Newer ones
    // want `http2 on;` and take this with a warning.
    // Clients that reconnect by thousands must not overflow the queue of accepted connections, whose default is 511,
    // while nginx waits for a processor.
    let listen = format!("listen {http1} backlog=4096; listen {http2} http2 backlog=4096;");
    let server = |locations: &str| format!("server {{\n{listen}\n{locations}\n}}\n");
    let (mut program, mut http) = (String::new(), String::new());
    for piece in pieces {
        let is_of = |block: &str| piece.lines().any(|line| line.trim_start().starts_with(block));
        if is_of("events {") {
            program += piece;
        } else if is_of("server {") {
            http += &piece.replace(LISTEN, &listen);
        } else {
            http += &server(piece);
        }
    }
    if program.is_empty() {
        program += "events {}";
    }
    if http.is_empty() {
        http += &server(&format!("location / {{ proxy_pass http://{upstream}; }}"));
    }
    let mut text = format!("daemon off;\nmaster_process off;\npid nginx.pid;\n{program}\nhttp {{\naccess_log off;\n");
    // Folders that nginx would otherwise create in the system.
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "{kind}_temp_path {kind};").expect("write to a string");
    }
    text + &http + "\n}\n"
}

/// A folder that is removed when this is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("touka-nginx-{}-{number}", std::process::id()));
        // Left by a killed process with the same id.
        drop(fs::remove_dir_all(&path));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("write the configuration");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
