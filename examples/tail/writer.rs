//! A program that writes a log, for users without one at hand.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

/// The time between two lines.
const PAUSE: Duration = Duration::from_millis(400);

/// The number of lines after which the file is rotated, as logrotate does: renamed, and begun anew.
const LINES: usize = 60;

/// The lines, written repeatedly.
const LOG: [&str; 8] = [
    "INFO  request GET /orders 200 in 12 ms",
    "DEBUG cache hit for key orders:latest",
    "INFO  request POST /orders 201 in 31 ms",
    "INFO  order 4711 paid",
    "WARN  queue mail has 120 waiting jobs",
    "DEBUG connection pool: 7 of 20 in use",
    "ERROR payment provider answered 503, trying again in 2 s",
    "INFO  request GET /health 200 in 1 ms",
];

/// A log in the folder for temporary files. Removed when this is dropped.
#[derive(Debug)]
pub(crate) struct OwnLog {
    path: PathBuf,
}

impl OwnLog {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnLog {
    fn drop(&mut self) {
        for path in [&self.path, &rotated(&self.path)] {
            // The file may be missing, and there is no caller to report an error to.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Begins a log, and starts a task that writes to it.
pub(crate) fn start() -> io::Result<OwnLog> {
    let path = std::env::temp_dir().join(format!("touka-tail-{}.log", std::process::id()));
    let mut file = begin(&path)?;
    let log = path.clone();
    tokio::spawn(async move {
        for (number, line) in LOG.iter().cycle().enumerate() {
            sleep(PAUSE).await;
            if let Err(error) = write(&log, &mut file, number + 1, line) {
                eprintln!("tail: {}: {error}", log.display());
                return;
            }
        }
    });
    Ok(OwnLog { path })
}

/// One short line: writing it here takes less time than handing it to another thread.
fn write(path: &Path, file: &mut File, number: usize, line: &str) -> io::Result<()> {
    if number.is_multiple_of(LINES) {
        std::fs::rename(path, rotated(path))?;
        *file = begin(path)?;
    }
    writeln!(file, "{number:06} {line}")
}

fn rotated(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

fn begin(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
