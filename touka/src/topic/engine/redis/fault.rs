//! [`RedisFault`], an error of the Redis engine with its text.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::topic::engine::shared::attempts::MAX_PUBLISHES;
use crate::topic::error::{HubError, Kind};

/// An error of the Redis engine. Clones share one text and one cause.
///
/// The text names the server without its credentials, and a remedy if one is known. It never has a password, and
/// neither has the cause.
#[derive(Clone)]
pub(super) struct RedisFault(Arc<Inner>);

struct Inner {
    kind: FaultKind,
    text: String,
    code: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// The URL or another option is invalid.
    Invalid,
    /// No connection could be opened, or it closed before the command was sent.
    Unreachable,
    /// The server rejects the credentials, or denies a command to the user.
    Refused,
    /// The server cannot keep topics: its version is too old, it is a replica, or it has only a part of the keys.
    Unsuitable,
    /// The connection was lost after a command was sent and before its reply.
    Lost,
    /// No reply arrived before the deadline.
    Timeout,
    /// The server replied with an error.
    Server,
}

/// The fate of the command that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server has not executed the command: it was not sent, or the server rejected it. A script whose command
    /// fails half way is the exception: what it wrote before stays.
    NotExecuted,
    /// The command was sent, or may have been, and there is no reply. It may also be executed later.
    Unknown,
}

impl RedisFault {
    fn new(kind: FaultKind, text: String) -> Self {
        Self(Arc::new(Inner { kind, text, code: None, source: None }))
    }

    fn with_source(kind: FaultKind, text: String, source: impl StdError + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { kind, text, code: None, source: Some(Box::new(source)) }))
    }

    /// The URL is invalid. The text must not quote it: any part of it may be a password that is not encoded.
    pub(super) fn url(what: &str) -> Self {
        Self::new(FaultKind::Invalid, format!("the URL of Redis is invalid: {what}"))
    }

    pub(super) fn option(what: &str) -> Self {
        Self::new(FaultKind::Invalid, format!("an option of Redis is invalid: {what}"))
    }

    pub(super) fn unreachable(place: &str, what: &str) -> Self {
        Self::new(FaultKind::Unreachable, format!("cannot reach Redis at {place}: {what}"))
    }

    pub(super) fn unreachable_by(place: &str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::with_source(FaultKind::Unreachable, format!("cannot reach Redis at {place}: {source}"), source)
    }

    pub(super) fn refused(place: &str, what: &str) -> Self {
        Self::new(FaultKind::Refused, format!("Redis at {place} refuses access: {what}"))
    }

    pub(super) fn unsuitable(place: &str, what: &str, remedy: &str) -> Self {
        Self::new(FaultKind::Unsuitable, format!("Redis at {place} cannot keep topics: {what}; {remedy}"))
    }

    /// Too many publishes are in flight. This one was not sent.
    pub(super) fn no_turn(place: &str) -> Self {
        let text = format!(
            "{MAX_PUBLISHES} publishes wait for Redis at {place}, and this one was not sent: publish fewer at a time, or later"
        );
        Self::new(FaultKind::Unreachable, text)
    }

    pub(super) fn timeout(place: &str) -> Self {
        let text = format!("Redis at {place} sent no reply in time: the command may have been executed");
        Self::new(FaultKind::Timeout, text)
    }

    /// The error of a connection that is being opened.
    ///
    /// The cause is kept for errors of the socket only. A server may quote the command in its error, and the first
    /// command has the password.
    pub(super) fn opening(place: &str, error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::RESP3NotSupported => Self::too_old(place, "it does not know HELLO"),
            ErrorKind::AuthenticationFailed => Self::wrong_password(place),
            ErrorKind::Io => Self::unreachable_by(place, error),
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Self::unreachable(place, "it is loading its data"),
            ErrorKind::Server(ServerErrorKind::MasterDown) => {
                Self::unreachable(place, "it is a replica without its primary")
            }
            ErrorKind::Server(ServerErrorKind::NoPerm) => {
                Self::refused(place, "the user of the URL may not run its first commands")
            }
            _ => match error.code() {
                Some("WRONGPASS") => Self::wrong_password(place),
                Some("NOAUTH") => Self::needs_password(place),
                Some("DENIED") => Self::refused(
                    place,
                    "it is in protected mode, and accepts clients on its own machine only; set a password there, and \
                     name it in the URL",
                ),
                // The one other command of the setup that can fail is SELECT.
                Some("ERR") if error.to_string().contains("switch database") => Self::url(
                    "the server has no database of this number, or the user may not select it; name another after the \
                     last `/`",
                ),
                Some("ERR") if error.detail().is_some_and(|text| text.contains("max number of clients")) => {
                    Self::unreachable(place, "it has its maximum number of clients; raise `maxclients`")
                }
                Some(code) => Self::unreachable(place, &format!("it rejects HELLO with the error {code}")),
                None => Self::unreachable(place, "its reply is not of the protocol RESP3"),
            },
        }
    }

    fn needs_password(place: &str) -> Self {
        Self::refused(place, "it needs a password; name it in the URL, as redis://:password@host")
    }

    fn wrong_password(place: &str) -> Self {
        Self::refused(place, "the user or the password is wrong; check the URL, with special characters as %XX")
    }

    pub(super) fn too_old(place: &str, what: &str) -> Self {
        Self::unsuitable(place, what, "use Redis 7.0 or newer, or any version of Valkey")
    }

    /// The error of the first commands on a connection, which are not those of a caller.
    pub(super) fn of_opening(self, place: &str) -> Self {
        match (self.0.kind, self.code()) {
            (_, Some("LOADING")) => Self::unreachable(place, "it is loading its data"),
            (_, Some("MASTERDOWN")) => Self::unreachable(place, "it is a replica without its primary"),
            (_, Some("NOAUTH")) => Self::needs_password(place),
            (_, Some("NOPERM")) => Self::refused(place, "the user of the URL may not run its first commands"),
            (FaultKind::Lost, _) => Self::unreachable(place, "the connection was closed while it was opened"),
            (FaultKind::Timeout, _) => Self::unreachable(place, "no answer in time"),
            _ => self,
        }
    }

    /// The error of AUTH. A server may quote the command.
    pub(super) fn of_login(self, place: &str) -> Self {
        match self.0.kind {
            FaultKind::Lost | FaultKind::Timeout => self.of_opening(place),
            _ => Self::wrong_password(place),
        }
    }

    /// The error of a command on an open connection.
    pub(super) fn command(place: &str, error: RedisError) -> Self {
        let server = match &error.kind() {
            ErrorKind::Server(_) => true,
            // A server's error with a code that the crate does not know.
            ErrorKind::Extension => error.code().is_some(),
            _ => false,
        };
        if !server {
            let text =
                format!("the connection to Redis at {place} was lost ({error}): the command may have been executed");
            return Self::with_source(FaultKind::Lost, text, error);
        }
        let code = error.code().unwrap_or("ERR").to_owned();
        let detail = error.detail().unwrap_or_default();
        let (kind, text) = if matches!(code.as_str(), "NOPERM" | "NOAUTH") {
            (FaultKind::Refused, format!("Redis at {place} refuses access: {code} {detail}"))
        } else {
            (FaultKind::Server, format!("Redis at {place} replied with an error: {code} {detail}"))
        };
        Self(Arc::new(Inner { kind, text, code: Some(code), source: Some(Box::new(error)) }))
    }

    /// The reply of a script has another shape than expected: another program writes the same keys.
    pub(super) fn answer(place: &str) -> Self {
        let text = format!("Redis at {place} has keys of touka that another program has written: use another prefix");
        Self::new(FaultKind::Server, text)
    }

    pub(super) fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// The code of the server's error, for example `NOSCRIPT`.
    pub(super) fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.0.kind {
            FaultKind::Lost | FaultKind::Timeout => Outcome::Unknown,
            FaultKind::Invalid
            | FaultKind::Unreachable
            | FaultKind::Refused
            | FaultKind::Unsuitable
            | FaultKind::Server => Outcome::NotExecuted,
        }
    }

    /// Whether an operator has to change something before it can work.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self.0.kind, FaultKind::Invalid | FaultKind::Refused | FaultKind::Unsuitable)
    }

    /// Whether the keys of the command are on another shard of a cluster, or are being moved to one.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self.code(), Some("MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN"))
    }

    /// Whether the connection of the command must be replaced: it is lost, or its server is no longer the primary or
    /// has restarted.
    pub(super) fn ends_connection(&self) -> bool {
        self.0.kind == FaultKind::Lost || matches!(self.code(), Some("READONLY" | "MASTERDOWN" | "LOADING"))
    }
}

impl From<RedisFault> for HubError {
    fn from(fault: RedisFault) -> Self {
        Self::new(Kind::Unavailable, fault.to_string(), Some(fault.into()))
    }
}

impl fmt::Debug for RedisFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisFault").field(&self.0.kind).field(&self.0.text).finish()
    }
}

impl fmt::Display for RedisFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl StdError for RedisFault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use redis::{RedisError, make_extension_error};

    use super::*;

    fn server(code: &str, detail: &str) -> RedisError {
        make_extension_error(code.to_owned(), Some(detail.to_owned()))
    }

    #[test]
    fn the_kind_tells_whether_a_command_was_executed() {
        let lost = RedisFault::command("redis://a", std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
        assert_eq!((lost.kind(), lost.outcome()), (FaultKind::Lost, Outcome::Unknown));
        assert!(lost.ends_connection() && lost.source().is_some());
        let timeout = RedisFault::timeout("redis://a");
        assert_eq!((timeout.outcome(), timeout.ends_connection()), (Outcome::Unknown, false));
        let oom = RedisFault::command("redis://a", server("OOM", "command not allowed"));
        assert_eq!((oom.kind(), oom.outcome()), (FaultKind::Server, Outcome::NotExecuted));
        assert_eq!(oom.to_string(), "Redis at redis://a replied with an error: OOM command not allowed");
        assert_eq!(oom.code(), Some("OOM"));
        assert!(!oom.ends_connection());
    }

    /// A server before version 6 quotes the arguments of a command that it does not know.
    #[test]
    fn an_error_while_opening_quotes_no_command() {
        for (code, kind) in [
            ("WRONGPASS", FaultKind::Refused),
            ("NOAUTH", FaultKind::Refused),
            ("DENIED", FaultKind::Refused),
            ("ERR", FaultKind::Unreachable),
        ] {
            let fault = RedisFault::opening("redis://a", server(code, "unknown `HELLO` `AUTH` `hunter2`"));
            assert_eq!(fault.kind(), kind, "{code}");
            assert!(fault.source().is_none());
            assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault}");
        }
    }
}
