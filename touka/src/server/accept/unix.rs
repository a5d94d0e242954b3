//! Unix sockets.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use tokio::net::{UnixListener, UnixStream};

/// Binds a Unix socket to this path. A socket's file outlives its server and would block the next one, so a
/// socket that no process listens on is replaced. Any other file is left alone.
pub(in crate::server) async fn open(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path).await => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        opened => opened,
    }
}

async fn is_left_over(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    is_socket && UnixStream::connect(path).await.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
