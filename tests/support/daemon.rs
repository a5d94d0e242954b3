//! A server of another project, in a process that tests can kill, pause and start again.

use std::fs::{self, File};
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::within;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The folder in which scripts/test.sh puts servers that Debian does not have.
const FETCHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/servers");

/// A program with its arguments, and its process while it runs. The process is killed when this is dropped.
///
/// Signals are sent to this process only. Its id cannot be reused before it has been waited for, which
/// happens here alone.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// The name of the program.
    program: &'static str,
    arguments: Vec<String>,
    /// The file with the program's output.
    log: String,
    child: Option<Child>,
}

impl Daemon {
    /// A program that does not run yet.
    pub(crate) fn new(program: &'static str, arguments: &[&str], log: String) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { program, arguments, log, child: None }
    }

    /// Starts the program, and waits until the condition holds.
    ///
    /// # Panics
    /// The program is not installed, runs already, or ends; the message contains its output.
    pub(crate) async fn start(&mut self, is_ready: impl AsyncFn() -> bool) {
        assert!(self.child.is_none(), "{} runs already", self.program);
        self.child = Some(self.spawn());
        let ready = async {
            while !is_ready().await {
                let ended = self.child.as_mut().expect("started").try_wait().expect("ask for the end");
                assert_eq!(ended, None, "{} does not run:\n{}", self.program, self.log());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(PATIENCE, "the start of a server", ready).await;
    }

    /// Kills the program, and waits for its end. Does nothing if it does not run.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Blocks for the time that the kernel takes to end a process: `drop` cannot wait in another way.
            child.kill().and_then(|()| child.wait()).expect("kill a process of this test");
        }
    }

    /// Asks the program to end, with SIGTERM, and waits until it has ended.
    ///
    /// # Panics
    /// The program does not run, is paused, or does not end.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM").await;
        let ended = async {
            while self.child.as_mut().expect("it runs").try_wait().expect("ask for the end").is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within(PATIENCE, "the end of a server", ended).await;
        self.child = None;
    }

    /// Stops the process with SIGSTOP, and waits until it is stopped. The kernel still accepts connections
    /// and bytes for it.
    pub(crate) async fn pause(&self) {
        self.signal("STOP").await;
        self.reach("stopped", |state| state == "T").await;
    }

    /// Continues a paused process, with SIGCONT.
    pub(crate) async fn resume(&self) {
        self.signal("CONT").await;
        self.reach("continued", |state| state != "T").await;
    }

    /// The output of the program, from stdout and stderr.
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn spawn(&self) -> Child {
        let log = File::options().create(true).append(true).open(&self.log).expect("open the log");
        // Debian installs some servers in /usr/sbin, which is not in every PATH.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin:" + FETCHED;
        let started = Command::new(self.program)
            .env("PATH", path)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn();
        match started {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                panic!("this test needs {}, which `scripts/test.sh test` installs", self.program)
            }
            Err(error) => panic!("cannot start {}: {error}", self.program),
        }
    }

    fn id(&self) -> u32 {
        self.child.as_ref().unwrap_or_else(|| panic!("{} does not run", self.program)).id()
    }

    async fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = tokio::process::Command::new("kill").args([&format!("-{name}"), &id]).status().await;
        assert!(sent.expect("run kill").success(), "kill -{name} {id}");
    }

    /// Waits for a state of the process, by the letter that Linux gives it.
    async fn reach(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let file = format!("/proc/{}/stat", self.id());
        let reached = async {
            loop {
                let stat = fs::read_to_string(&file).expect("the process exists");
                // The program's name is in parentheses, and may contain some.
                let (_, fields) = stat.rsplit_once(") ").expect("a name");
                if is_so(&fields[..1]) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within(PATIENCE, what, reached).await;
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A server that has crashed is the reason why a test fails.
        let ended = self.child.as_mut().and_then(|child| child.try_wait().ok()?);
        if let Some(status) = ended.filter(|_| std::thread::panicking()) {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("{} has ended: {status}\n{}", self.program, lines[lines.len().saturating_sub(60)..].join("\n"));
        }
        self.kill();
    }
}
