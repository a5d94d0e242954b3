//! [`Fault`], what was wrong with the file, in words.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use crate::topic::error::{HubError, Kind};

/// Why the file could not be used. All who wait for the same write are told the same.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    text: String,
    source: Option<Arc<redb::Error>>,
}

/// What is wrong, before it is known with which file and while doing what.
#[derive(Debug)]
pub(super) enum Trouble {
    Redb(redb::Error),
    /// The file is sound, but none that this version can read.
    Foreign(String),
    /// What is in the file cannot be.
    Damaged(String),
    /// The path does not name the hub's file any more, though that is still open and locked.
    Moved(&'static str),
    /// Another hub has opened the file, in spite of the lock, so it may have another history now.
    Taken,
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

impl Trouble {
    /// Whether redb must close the database and open it again before it can be used. What cannot be
    /// made sense of is no reason: the rest of the file can be.
    pub(super) const fn ends_database(&self) -> bool {
        match self {
            Self::Redb(error) => !matches!(error, redb::Error::Corrupted(_)),
            Self::Foreign(_) | Self::Damaged(_) | Self::Moved(_) => false,
            Self::Taken => true,
        }
    }

    /// Whether nothing is wrong with the file but that there is no space to write to it.
    pub(super) fn is_no_space(&self) -> bool {
        matches!(self, Self::Redb(redb::Error::Io(error)) if is_no_space(error.kind()))
    }

    /// redb was not prepared for what it has found.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Damaged(said.unwrap_or_else(|| "reading it failed".into()))
    }

    /// Says it of a file, and what was attempted: `cannot open the events in`.
    pub(super) fn of(self, attempt: &str, path: &Path) -> Fault {
        const DAMAGED: &str = "restore it from a backup, or move it away: then all topics begin anew, and clients that come back are told of a gap";
        let (what, remedy) = match &self {
            Self::Foreign(what) => (what.clone(), "name another file, or move this one away"),
            Self::Damaged(what) => (format!("the file is damaged: {what}"), DAMAGED),
            Self::Moved(what) => ((*what).into(), "put the file back, or open the hub anew"),
            Self::Taken => (
                "another hub has opened the file meanwhile, in spite of the lock".into(),
                "end that one, and open the hub anew; the file system must support locks",
            ),
            Self::Redb(error) => match error {
                redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => (
                    "it is open already, in another process or by another hub of this one".into(),
                    "end that one first, or give each a file of its own; clones of a hub are the same hub",
                ),
                redb::Error::UpgradeRequired(version) => {
                    (format!("it has the old format {version} of redb"), "move it away: then all topics begin anew")
                }
                redb::Error::Io(error) if error.kind() == ErrorKind::InvalidData => (
                    format!("it holds no events of a hub, or its beginning is damaged: {error}"),
                    "name another file, or move this one away",
                ),
                redb::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    ("the file is damaged: its end is missing".into(), DAMAGED)
                }
                redb::Error::Io(error) => (error.to_string(), remedy(error)),
                redb::Error::Corrupted(what) => (format!("the file is damaged: {what}"), DAMAGED),
                error => (error.to_string(), "try again; if it stays so, open the hub anew"),
            },
        };
        let source = match self {
            Self::Redb(error) => Some(Arc::new(error)),
            Self::Foreign(_) | Self::Damaged(_) | Self::Moved(_) | Self::Taken => None,
        };
        Fault { text: format!("{attempt} {}: {what}; {remedy}", path.display()), source }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "make its folder first",
        ErrorKind::IsADirectory => "name a file in that folder",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "let this process read and write the file and its folder"
        }
        kind if is_no_space(kind) => "make room and publish again: nothing need be restarted",
        _ => "look after the disk and try again: nothing need be restarted",
    }
}

const fn is_no_space(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

impl Fault {
    /// There is nobody who would do it.
    pub(super) fn ended(path: &Path) -> Self {
        let text =
            format!("cannot use the events in {}: what writes them has ended; open the hub anew", path.display());
        Self { text, source: None }
    }

    /// The system gives no thread.
    pub(super) fn thread(path: &Path, error: &io::Error) -> Self {
        let text = format!("cannot write events to {}: no thread for it: {error}; allow more", path.display());
        Self { text, source: None }
    }
}

impl From<Fault> for HubError {
    fn from(fault: Fault) -> Self {
        Self::new(Kind::Storage, fault.text, fault.source.map(Into::into))
    }
}
