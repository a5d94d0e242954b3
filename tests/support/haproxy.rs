//! A real HAProxy, with a process, a folder and ports of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::folder::Folder;
use crate::reserved_port::ReservedPort;
use crate::wait::within;

/// The placeholder of the upstream in a configuration.
const UPSTREAM: &str = "127.0.0.1:3000";

/// A running HAProxy, which is killed when this is dropped.
#[derive(Debug)]
pub struct Haproxy {
    /// The address that it listens on, in cleartext.
    pub address: SocketAddr,
    /// One process: without `-W` there are no workers that could outlive it.
    _child: Child,
    _folder: Folder,
    _ports: [ReservedPort; 2],
}

impl Haproxy {
    /// Starts HAProxy in front of an upstream.
    ///
    /// `frontend` and `backend` are the lines of these sections, without the address to listen on. `backend`
    /// names the upstream `127.0.0.1:3000`.
    ///
    /// # Panics
    /// HAProxy is not installed, or rejects the configuration; its messages are in the output.
    pub async fn start(upstream: SocketAddr, frontend: &str, backend: &str) -> Self {
        let (folder, ports) = (Folder::new(), [ReservedPort::new(), ReservedPort::new()]);
        let [address, ready] = [ports[0].address, ports[1].address];
        let backend = backend.replace(UPSTREAM, &upstream.to_string());
        // The second port shows when the first is open, without a connection that reaches the upstream.
        let configuration = format!(
            "defaults\ntimeout connect 5s\ntimeout client 60s\ntimeout server 60s\n\
             frontend web\nbind {address}\ndefault_backend touka\n{frontend}\n\
             backend touka\n{backend}\n\
             frontend ready\nmode http\nbind {ready}\nhttp-request return status 200\n"
        );
        let file = folder.path("haproxy.cfg");
        std::fs::write(&file, &configuration).expect("write the configuration");
        let mut child = spawn(&file);
        let started = async {
            while TcpStream::connect(ready).await.is_err() {
                let ended = child.try_wait().expect("ask for HAProxy's end");
                assert_eq!(ended, None, "HAProxy does not run:\n{configuration}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(Duration::from_mins(1), "HAProxy's start", started).await;
        Self { address, _child: child, _folder: folder, _ports: ports }
    }
}

fn spawn(file: &str) -> Child {
    // Debian installs it in /usr/sbin, which is not in every PATH.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
    match Command::new("haproxy").env("PATH", path).args(["-db", "-f", file]).kill_on_drop(true).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("this test needs HAProxy; on Debian: apt-get install haproxy")
        }
        Err(error) => panic!("cannot start HAProxy: {error}"),
    }
}
