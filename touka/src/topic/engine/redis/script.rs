//! [`Script`], a program that Redis runs as one step.

use std::sync::OnceLock;

use redis::{Cmd, Value};
use tokio::time::Instant;

use super::fault::RedisFault;
use super::reconnect::Commands;

/// Appends an event.
pub(super) static PUBLISH: Script = Script::new(include_str!("publish.lua"));
/// Reads events.
pub(super) static READ: Script = Script::new(include_str!("read.lua"));
/// Gives a node the right to run a feed.
pub(super) static LEAD: Script = Script::new(include_str!("lead.lua"));
/// Gives up that right.
pub(super) static RELEASE: Script = Script::new(include_str!("release.lua"));
/// Ends a feed on all nodes.
pub(super) static END: Script = Script::new(include_str!("end.lua"));
/// Removes a topic.
pub(super) static REMOVE: Script = Script::new(include_str!("remove.lua"));

/// A program that Redis runs as one step: no other command sees a part of its changes.
#[derive(Debug)]
pub(super) struct Script {
    source: &'static str,
    /// The hash that the server knows the program by, which is the same on every server.
    hash: OnceLock<String>,
}

impl Script {
    const fn new(source: &'static str) -> Self {
        Self { source, hash: OnceLock::new() }
    }

    /// Runs the script.
    pub(super) async fn run(
        &self,
        commands: &Commands,
        keys: &[&str],
        arguments: &[&[u8]],
        deadline: Instant,
    ) -> Result<Value, RedisFault> {
        let call = |command: &str, program: &str| {
            let mut call = Cmd::new();
            call.arg(command).arg(program).arg(keys.len()).arg(keys).arg(arguments);
            call
        };
        if let Some(hash) = self.hash.get() {
            match commands.run(&call("EVALSHA", hash), deadline).await {
                // The server was restarted, or is another one. `EVAL` makes the program known to it.
                Err(fault) if fault.code() == Some("NOSCRIPT") => {}
                result => return result,
            }
        } else {
            let mut load = Cmd::new();
            load.arg("SCRIPT").arg("LOAD").arg(self.source);
            if let Value::BulkString(hash) = commands.run(&load, deadline).await?
                && let Ok(hash) = String::from_utf8(hash)
            {
                let _ = self.hash.set(hash);
            }
        }
        commands.run(&call("EVAL", self.source), deadline).await
    }
}
