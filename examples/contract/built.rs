//! [`Built`], the scripts of the page.

use std::path::{Path, PathBuf};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

/// The folder that `tsc` writes to.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/page/built");

/// The files that are served.
const FILES: [&str; 2] = ["api.js", "page.js"];

/// The scripts that `tsc` has made of the page and of the client.
#[derive(Clone, Debug)]
pub(crate) struct Built(PathBuf);

impl Built {
    /// The scripts in a folder: by default the one beside the page.
    pub(crate) fn new(folder: Option<impl AsRef<Path>>) -> Self {
        Self(folder.map_or_else(|| FOLDER.into(), |folder| folder.as_ref().to_owned()))
    }

    /// One file as a response. It is read for each request, so that a new one needs no restart.
    pub(crate) async fn file(&self, name: &str) -> Response {
        if !FILES.contains(&name) {
            return StatusCode::NOT_FOUND.into_response();
        }
        match tokio::fs::read(self.0.join(name)).await {
            Ok(script) => ([(CONTENT_TYPE, "text/javascript")], script).into_response(),
            Err(error) => (StatusCode::NOT_FOUND, format!("build the page first: {name}: {error}\n")).into_response(),
        }
    }
}
