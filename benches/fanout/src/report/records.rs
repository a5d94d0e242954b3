//! The runs, on disk: a line of JSON each, written at once, so that an interrupted run loses nothing.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::measure::Measured;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Runs of one round are compared with each other.
    pub(crate) round: String,
    pub(crate) server: String,
    pub(crate) case: Case,
    pub(crate) outcome: Result<Measured, String>,
}

pub(crate) struct Records(PathBuf);

impl Records {
    /// Opens the file. Existing records stay only with `keep`.
    pub(crate) fn open(path: &Path, keep: bool) -> Result<Self, String> {
        if !keep && path.exists() {
            fs::remove_file(path).map_err(|error| format!("cannot remove {}: {error}", path.display()))?;
        }
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn add(&self, record: &Record) -> Result<(), String> {
        let line = serde_json::to_string(record).map_err(|error| error.to_string())?;
        let file = OpenOptions::new().create(true).append(true).open(&self.0);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        written.map_err(|error| format!("cannot write {}: {error}", self.0.display()))
    }

    pub(crate) fn read(&self) -> Result<Vec<Record>, String> {
        let text = fs::read_to_string(&self.0).map_err(|error| format!("no runs in {}: {error}", self.0.display()))?;
        let lines = text.lines().map(|line| serde_json::from_str(line).map_err(|error| error.to_string()));
        lines.collect()
    }
}
