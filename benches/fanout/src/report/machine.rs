//! The machine and the versions of a measurement.

use std::fs;
use std::process::Command;

use crate::servers::SERVERS;

/// `2 cores of an AMD EPYC, Linux 6.18.44, rustc 1.95.0`
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |line: &str, name: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    let cores = info.lines().filter(|line| field(line, "processor").is_some()).count();
    let model = info.lines().find_map(|line| field(line, "model name")).unwrap_or_else(|| "unknown CPU".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // Suffixes of a distribution or a host are left out.
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    format!("{cores} cores of an {model}, Linux {kernel}, {}", first_words("rustc", 2))
}

pub(crate) fn today() -> String {
    said_by("date", &["-u", "+%Y-%m-%d"])
}

fn first_words(program: &str, words: usize) -> String {
    said_by(program, &["--version"]).split_whitespace().take(words).collect::<Vec<_>>().join(" ")
}

fn said_by(program: &str, args: &[&str]) -> String {
    let said = Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).trim().to_owned()
}

/// The versions of the peers that these programs were built with, from their Cargo.lock.
pub(crate) fn versions() -> String {
    let lock = include_str!("../../Cargo.lock");
    let crates = SERVERS.iter().flat_map(|server| server.crates).chain(&["tokio"]);
    let named = crates.filter_map(|name| Some(format!("{name} {}", newest(lock, name)?)));
    named.collect::<Vec<_>>().join(", ")
}

/// A crate may be there twice, if another peer depends on an old version of it. A peer's own is the last,
/// because the entries are sorted.
fn newest(lock: &str, name: &str) -> Option<String> {
    let mut lines = lock.lines();
    let mut newest = None;
    while let Some(line) = lines.next() {
        if line == format!("name = \"{name}\"") {
            newest = lines.next()?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned);
        }
    }
    newest
}
