//! [`Scratch`], a path for one unit test.

use std::fs;
use std::path::{Path, PathBuf};

/// A file that is removed at the end of the test.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A path for the test with this name, which must be unique.
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("touka-engine-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
