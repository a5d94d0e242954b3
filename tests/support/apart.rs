//! A server on a runtime of its own, which a body may block.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use touka::Server;

use crate::server::{App, Running};

/// A server on threads of its own. It shuts down when this is dropped.
#[derive(Debug)]
pub struct Apart {
    /// The address that it listens on.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    returned: mpsc::Receiver<()>,
}

impl Apart {
    /// Serves with this many threads. With one thread, the runtime is tokio's single-threaded one.
    pub fn serve(threads: usize, server: Server, app: impl App) -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (returns, returned) = mpsc::channel();
        thread::spawn(move || {
            let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
            let runtime = builder.worker_threads(threads).enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let mut running = Running::serve_with(server, app).await;
                tell.send(running.address).expect("the test waits");
                drop(stopped.await);
                running.stop();
                running.stopped(Duration::MAX).await;
            });
            // A test that has finished does not wait.
            let _ = returns.send(());
        });
        Self { address: told.recv().expect("the server starts"), stop: Some(stop), returned }
    }

    /// Begins the shutdown.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until `serve` has returned.
    ///
    /// # Panics
    /// `serve` did not return in time, or returned an error.
    pub fn stopped(self, longest: Duration) {
        self.returned.recv_timeout(longest).expect("the server does not return");
    }
}
