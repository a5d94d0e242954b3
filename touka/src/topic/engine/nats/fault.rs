//! [`NatsFault`], an error of the NATS engine with its text.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use async_nats::{ConnectError, ConnectErrorKind};

use crate::topic::engine::shared::attempts::MAX_PUBLISHES;
use crate::topic::error::{HubError, Kind};

/// An error of the NATS engine. Clones share one text and one cause.
///
/// The text names the server without its credentials, and a remedy if one is known.
#[derive(Clone)]
pub(super) struct NatsFault(Arc<Inner>);

struct Inner {
    kind: FaultKind,
    text: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// The URL or another option is invalid.
    Invalid,
    /// Without a connection, or the request was not sent.
    Unreachable,
    /// The server rejects the credentials.
    Refused,
    /// The server cannot keep topics: `JetStream` is off, or the stream has settings that do not fit.
    Unsuitable,
    /// No reply arrived before the deadline, or before the connection was lost.
    Unanswered,
    /// The server replied with an error that may pass.
    Busy,
    /// The server is storing a message with the same id, and has not stored this one.
    InProcess,
    /// The server replied with an error.
    Server,
}

impl NatsFault {
    fn new(kind: FaultKind, text: String) -> Self {
        Self(Arc::new(Inner { kind, text, source: None }))
    }

    /// The URL is invalid. The text must not quote it: any part of it may be a password that is not encoded.
    pub(super) fn url(what: &str) -> Self {
        Self::new(FaultKind::Invalid, format!("the URL of NATS is invalid: {what}"))
    }

    pub(super) fn option(what: &str) -> Self {
        Self::new(FaultKind::Invalid, format!("an option of NATS is invalid: {what}"))
    }

    pub(super) fn unreachable(place: &str, what: &str) -> Self {
        Self::new(FaultKind::Unreachable, format!("cannot reach NATS at {place}: {what}"))
    }

    /// Too many publishes are in flight. This one was not sent.
    pub(super) fn no_turn(place: &str) -> Self {
        let text = format!(
            "{MAX_PUBLISHES} publishes wait for NATS at {place}, and this one was not sent: publish fewer at a time, or later"
        );
        Self::new(FaultKind::Unreachable, text)
    }

    /// The first connection could not be opened.
    pub(super) fn connecting(place: &str, error: ConnectError) -> Self {
        let (kind, text) = match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => (
                FaultKind::Refused,
                format!(
                    "NATS at {place} refuses access: the user, the password or the token is missing or wrong; check the \
                     URL, with special characters as %XX"
                ),
            ),
            ConnectErrorKind::Tls => {
                (FaultKind::Unreachable, format!("cannot reach NATS at {place}: TLS failed: {error}"))
            }
            _ => (FaultKind::Unreachable, format!("cannot reach NATS at {place}: {error}")),
        };
        Self(Arc::new(Inner { kind, text, source: Some(Box::new(error)) }))
    }

    pub(super) fn unsuitable(place: &str, what: &str, remedy: &str) -> Self {
        Self::new(FaultKind::Unsuitable, format!("NATS at {place} cannot keep topics: {what}; {remedy}"))
    }

    /// No reply arrived. `hint` is the last error that the server has sent, if any: a missing permission is shown there only.
    pub(super) fn unanswered(place: &str, hint: Option<&str>) -> Self {
        let hint = hint.map(|hint| format!(" (the server's last error: {hint})")).unwrap_or_default();
        let text = format!("NATS at {place} sent no reply in time: the request may have been executed{hint}");
        Self::new(FaultKind::Unanswered, text)
    }

    /// The connection was lost before a reply arrived.
    pub(super) fn lost(place: &str) -> Self {
        let text = format!("the connection to NATS at {place} was lost: the request may have been executed");
        Self::new(FaultKind::Unanswered, text)
    }

    /// No part of the server answers requests of this kind now: it has no leader, or the stream does not exist.
    pub(super) fn no_responders(place: &str) -> Self {
        let text = format!("NATS at {place} has no leader for its stream, the stream is missing, or JetStream is off");
        Self::new(FaultKind::Busy, text)
    }

    pub(super) fn in_process(place: &str) -> Self {
        let text = format!("NATS at {place} is storing a message with the same id, and has not finished in time");
        Self::new(FaultKind::InProcess, text)
    }

    pub(super) fn server(place: &str, is_passing: bool, text: &str) -> Self {
        let kind = if is_passing { FaultKind::Busy } else { FaultKind::Server };
        Self::new(kind, format!("NATS at {place} replied with an error: {text}"))
    }

    /// A reply or a record has another shape than expected.
    pub(super) fn answer(place: &str) -> Self {
        let text = format!("NATS at {place} has records of touka that another program has written: use another prefix");
        Self::new(FaultKind::Server, text)
    }

    pub(super) fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// Whether the request may have been executed, or may be executed later.
    pub(super) fn is_unknown(&self) -> bool {
        self.0.kind == FaultKind::Unanswered
    }

    /// Whether the same request may succeed later without a change by an operator.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.0.kind, FaultKind::Unreachable | FaultKind::Unanswered | FaultKind::Busy | FaultKind::InProcess)
    }
}

impl From<NatsFault> for HubError {
    fn from(fault: NatsFault) -> Self {
        Self::new(Kind::Unavailable, fault.to_string(), Some(fault.into()))
    }
}

impl fmt::Debug for NatsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NatsFault").field(&self.0.kind).field(&self.0.text).finish()
    }
}

impl fmt::Display for NatsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl StdError for NatsFault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
