//! Responses to requests that could not be parsed, or whose head was too slow.

use std::time::Duration;

use axum_core::BoxError;
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long a client may take to read the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// A status, and a line that describes the fault.
pub(in crate::server) struct PlainError(StatusCode, String);

/// Returns the response to a request whose head did not arrive in time.
pub(in crate::server) fn late() -> PlainError {
    PlainError(StatusCode::REQUEST_TIMEOUT, "the request's head took too long".to_owned())
}

/// Returns the response to a request that hyper could not parse; `None` if the client just left, or sent nothing.
pub(in crate::server) fn unreadable(failure: &BoxError) -> Option<PlainError> {
    let error = failure.downcast_ref::<hyper::Error>()?;
    let status = if error.is_parse_too_large() {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    } else if error.is_parse() {
        StatusCode::BAD_REQUEST
    } else {
        return None;
    };
    Some(PlainError(status, format!("the request cannot be parsed: {error}")))
}

/// Writes the response to a request that the service never saw, and closes the connection.
pub(in crate::server) async fn explain(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    PlainError(status, line): PlainError,
) {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{line}\n",
        line.len() + 1,
    );
    // The client may be gone, or may read nothing: neither is worth more than a second.
    let _ = timeout(LINGER_TIMEOUT, async {
        stream.write_all(answer.as_bytes()).await?;
        linger(stream).await;
        std::io::Result::Ok(())
    })
    .await;
}

/// Closes a connection whose client may still be sending. Closing a socket with unread bytes resets it, and the
/// reset can overtake the response.
pub(in crate::server) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    // The client may send forever, or may be gone.
    let _ = timeout(LINGER_TIMEOUT, async {
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
}
