//! [`DiskFault`], an error of the disk engine with its text.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use crate::topic::error::{HubError, Kind};

/// An error of the disk engine. All callers that wait for the same write get the same one.
#[derive(Clone, Debug)]
pub(super) struct DiskFault {
    kind: Kind,
    text: String,
    source: Option<Arc<redb::Error>>,
}

/// An error of a store, without the file and the operation.
#[derive(Debug)]
pub(super) enum StoreError {
    Redb(redb::Error),
    /// The file is sound, but this version cannot read it.
    Foreign(String),
    /// The contents of the file are invalid.
    Damaged(String),
    /// The path no longer names the hub's file, which is still open and locked.
    Moved(&'static str),
    /// Another hub has opened the file in spite of the lock, and may have changed it.
    Taken,
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Redb(error.into())
    }
}

impl StoreError {
    /// Whether redb must close the database and open it again before it can be used. Invalid contents are not a
    /// reason: the rest of the file can be used.
    pub(super) const fn ends_database(&self) -> bool {
        match self {
            Self::Redb(error) => !matches!(error, redb::Error::Corrupted(_)),
            Self::Foreign(_) | Self::Damaged(_) | Self::Moved(_) => false,
            Self::Taken => true,
        }
    }

    /// Whether another use of the database has failed, and redb refuses this one for that reason.
    pub(super) const fn is_of_another_use(&self) -> bool {
        matches!(self, Self::Redb(redb::Error::DatabaseClosed | redb::Error::PreviousIo))
    }

    /// Whether the only problem is that there is no space to write to the file.
    pub(super) fn is_no_space(&self) -> bool {
        matches!(self, Self::Redb(redb::Error::Io(error)) if is_no_space(error.kind()))
    }

    /// The error for a panic of redb, which asserts what it reads.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Damaged(text.unwrap_or_else(|| "reading it failed".into()))
    }

    /// Adds the file and what was attempted, for example `cannot open the events in`.
    pub(super) fn of(self, attempt: &str, path: &Path) -> DiskFault {
        const DAMAGED: &str = "restore it from a backup, or move it away: then all topics begin anew, and clients that come back get a gap event";
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
        DiskFault { kind: Kind::Storage, text: format!("{attempt} {}: {what}; {remedy}", path.display()), source }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "make its folder first",
        ErrorKind::IsADirectory => "name a file in that folder",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "let this process read and write the file and its folder"
        }
        kind if is_no_space(kind) => "free some space and publish again: no restart is needed",
        _ => "check the disk and try again: no restart is needed",
    }
}

const fn is_no_space(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

impl DiskFault {
    /// The thread that would have done it has ended.
    pub(super) fn ended(path: &Path) -> Self {
        let text =
            format!("cannot use the events in {}: the thread for it has ended; open the hub anew", path.display());
        Self { kind: Kind::Storage, text, source: None }
    }

    /// The operating system refuses to start a thread.
    pub(super) fn thread(path: &Path, error: &io::Error) -> Self {
        let text = format!("cannot write events to {}: cannot start a thread: {error}; allow more", path.display());
        Self { kind: Kind::Storage, text, source: None }
    }

    /// The topic was removed, so nothing can be published to it.
    pub(super) fn removed(name: &str) -> Self {
        Self { kind: Kind::Removed, text: HubError::removed_text(name), source: None }
    }

    /// The topic is closed, so nothing can be published to it.
    pub(super) fn closed(name: &str) -> Self {
        Self { kind: Kind::Closed, text: HubError::closed_text(name), source: None }
    }
}

impl From<DiskFault> for HubError {
    fn from(fault: DiskFault) -> Self {
        Self::new(fault.kind, fault.text, fault.source.map(Into::into))
    }
}
