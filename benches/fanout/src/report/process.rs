//! A process that is controlled by lines, and responds with lines.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How long the process has to end by itself, on a busy machine.
const FAREWELL: Duration = Duration::from_secs(30);

/// A child process, which ends when this is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start<I: IntoIterator<Item = String>>(program: &Path, args: I) -> Result<Self, String> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        // In a group of its own: Ctrl-C ends this program only, and the end of its input ends the child, which can
        // clean up then.
        let started = command.process_group(0).spawn();
        let mut child = started.map_err(|error| format!("cannot start {name}: {error}"))?;
        let (told, lines) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if told.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { name, orders: child.stdin.take(), child, lines })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tell(&mut self, order: &str) -> Result<(), String> {
        let Some(orders) = &mut self.orders else { return Err(format!("the input of {} is closed", self.name)) };
        writeln!(orders, "{order}").map_err(|error| format!("{} does not take \"{order}\": {error}", self.name))
    }

    /// The next line that begins with `start`, without that beginning. Other lines are skipped.
    pub(crate) fn hear(&self, start: &str, within: Duration) -> Result<String, String> {
        let end = Instant::now() + within;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            let line = line.map_err(|error| format!("{} does not say \"{start}\": {error}", self.name))?;
            if let Some(rest) = line.strip_prefix(start) {
                return Ok(rest.trim().to_owned());
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.orders = None;
        let end = Instant::now() + FAREWELL;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // Started by this program, and does not end by itself.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
