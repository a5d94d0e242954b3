//! How long a connection without a request is kept once the server shuts down.

use std::time::Duration;

#[cfg(feature = "http2")]
use tokio::time::sleep;
use tokio::time::{Instant, sleep_until};

use crate::server::state::connection_state::ConnectionState;

/// How long a connection is kept after the client last sent something, or after it connected. A client that has
/// just connected is about to send its request, or to continue its TLS handshake.
pub(in crate::server) const GRACE: Duration = Duration::from_secs(1);

/// The minimum grace, for a client that has been silent for long: its next request may have reached the kernel at
/// the same moment. Closing a socket with unread bytes resets it.
const MIN_GRACE: Duration = Duration::from_millis(100);

/// Waits for the shutdown, and then for the end of the grace of a client without a request in progress. Anything
/// that the client sends restarts its grace, up to half of the shutdown's timeout.
pub(in crate::server) async fn over(conn: &ConnectionState) {
    conn.shared.handle.shutdown.cancelled().await;
    // Boxed, so that a connection does not pay for it before the shutdown.
    Box::pin(async {
        let began = Instant::now();
        let longest = conn.shared.shutdown_timeout / 2;
        loop {
            let least = began + MIN_GRACE.min(longest);
            let until = (conn.last_word() + GRACE).max(least);
            // `None` is an instant that the clock does not reach: later than any grace.
            let until = began.checked_add(longest).map_or(until, |last| until.min(last));
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    })
    .await;
}

/// Waits, during a shutdown, until a client has no request in progress and has been silent for a while. An HTTP/2
/// client need not close its connection, nor answer the ping of a graceful shutdown.
#[cfg(feature = "http2")]
pub(in crate::server) async fn silence(conn: &ConnectionState) {
    loop {
        over(conn).await;
        if conn.is_quiet() {
            return;
        }
        sleep(GRACE).await;
    }
}
