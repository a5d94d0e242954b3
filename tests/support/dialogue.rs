//! A program that is controlled by lines of text.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::wait::within;

const PATIENCE: Duration = Duration::from_mins(1);

/// A child process, which is killed when this is dropped.
#[derive(Debug)]
pub struct Dialogue {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Dialogue {
    /// Starts a program.
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        Self { stdin: child.stdin.take(), lines: BufReader::new(stdout).lines(), child }
    }

    /// Writes a line to the program.
    pub async fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(format!("{line}\n").as_bytes()).await.expect("readable");
    }

    /// The next line of the program's output; `None` after its end.
    pub async fn hear(&mut self) -> Option<String> {
        within(PATIENCE, "the program's next line", self.lines.next_line()).await.expect("read")
    }

    /// Writes a line, and reads one.
    pub async fn ask(&mut self, line: &str) -> String {
        self.say(line).await;
        self.hear().await.unwrap_or_else(|| panic!("the program ended at {line:?}"))
    }

    /// Kills the program, and reads what it has written until then: whole lines only.
    pub async fn kill(mut self) -> Vec<String> {
        self.child.start_kill().expect("the program still runs");
        let mut rest = Vec::new();
        while let Some(line) = self.hear().await {
            rest.push(line);
        }
        self.child.wait().await.expect("wait");
        rest
    }

    /// Closes the program's input, and waits for its end.
    pub async fn ended(mut self) -> ExitStatus {
        self.stdin = None;
        within(PATIENCE, "the program's end", self.child.wait()).await.expect("wait")
    }
}
