//! The servers that are measured.

use std::env;
use std::path::PathBuf;

/// A server, and how it is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pub(crate) key: &'static str,
    /// The title in tables.
    pub(crate) title: &'static str,
    binary: &'static str,
    pub(crate) args: &'static [&'static str],
    /// The crates whose versions are printed.
    pub(crate) crates: &'static [&'static str],
}

const fn peer(key: &'static str, title: &'static str, crates: &'static [&'static str]) -> Server {
    Server { key, title, binary: key, args: &[], crates }
}

/// In the order of the tables. The others are compared with `bare`.
pub(crate) const SERVERS: &[Server] = &[
    peer("bare", "bare send loop", &[]),
    Server { args: &["--park"], ..peer("touka", "touka, parked", &["touka"]) },
    Server { args: &["--no-park"], binary: "touka", ..peer("touka-body", "touka, as a body", &[]) },
    peer("touka-generator", "touka, a handler each", &[]),
    peer("hyper", "hyper, shared bytes", &["hyper"]),
    peer("axum", "axum", &["axum"]),
    peer("actix", "actix-web", &["actix-web", "actix-web-lab"]),
    peer("salvo", "salvo", &["salvo"]),
    peer("poem", "poem", &["poem"]),
    peer("rocket", "Rocket", &["rocket"]),
    peer("warp", "warp", &["warp"]),
];

impl Server {
    pub(crate) fn program(&self) -> Result<PathBuf, String> {
        program(self.binary)
    }

    pub(crate) fn find(key: &str) -> Result<&'static Self, String> {
        let keys: Vec<&str> = SERVERS.iter().map(|server| server.key).collect();
        let found = SERVERS.iter().find(|server| server.key == key);
        found.ok_or_else(|| format!("there is no server \"{key}\"; there are: {}", keys.join(" ")))
    }
}

/// The path of a program that was built together with this one.
pub(crate) fn program(name: &str) -> Result<PathBuf, String> {
    let path = env::current_exe().map_err(|error| format!("cannot find the other programs: {error}"))?;
    let path = path.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(format!("{} is not built", path.display())) }
}
