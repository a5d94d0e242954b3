use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use touka::server::Handle;
use touka::sse_handler;

#[sse_handler]
async fn clock() {
    for tick in 0u64.. {
        emit!(tick.to_string());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Serves until the future is ready, such as `tokio::signal::ctrl_c()`, and then ends the streams.
pub(crate) async fn serve(listener: TcpListener, stop: impl Future + Send + 'static) -> std::io::Result<()> {
    let handle = Handle::new();
    let app = Router::new().route("/clock", get(clock)).layer(handle.layer());
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let signal = async move {
        stop.await;
        handle.shutdown();
        let _ = stopping.send(());
    };
    // A client that does not read keeps its connection open, and axum's server has no deadline for that.
    let deadline = async {
        let _ = stopped.await;
        tokio::time::sleep(Duration::from_secs(15)).await;
    };
    let server = axum::serve(listener, app).with_graceful_shutdown(signal);
    tokio::select! {
        result = server => result,
        () = deadline => Ok(()),
    }
}
