//! The answer to a request that could not be parsed.

use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long a client may take to read the answer.
const LINGER: Duration = Duration::from_secs(1);

/// Says what was wrong with the first request of a connection, and closes it.
///
/// Nothing is answered to a client that just left, or that sent nothing.
pub(super) async fn explain(mut stream: impl AsyncRead + AsyncWrite + Unpin, error: &hyper::Error) {
    let Some(status) = status(error) else { return };
    let line = format!("the request cannot be read: {error}\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}",
        line.len(),
    );
    // The client may be gone, or may take nothing: neither is worth more than a second.
    let _ = timeout(LINGER, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing a socket with unread bytes resets it, and the reset can overtake the answer.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
}

fn status(error: &hyper::Error) -> Option<StatusCode> {
    if error.is_parse_too_large() {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else if error.is_parse() {
        Some(StatusCode::BAD_REQUEST)
    } else if error.is_timeout() {
        Some(StatusCode::REQUEST_TIMEOUT)
    } else {
        None
    }
}
