//! [`Shutdown`], the trigger of a server's shutdown.

use std::future::Future;
use std::pin::Pin;

#[cfg(unix)]
use super::race::race;
use crate::error::{Error, Result};

/// The trigger of a shutdown: the user's future, or the signals of a terminal and a service manager.
pub(super) enum Shutdown {
    On(Pin<Box<dyn Future<Output = ()> + Send>>),
    Signals(Signals),
}

impl Shutdown {
    /// Waits for the first trigger. Only signals can trigger a second time: a user presses ctrl-c again when
    /// the shutdown takes too long.
    pub(super) async fn requested(&mut self) {
        match self {
            Self::On(trigger) => trigger.await,
            Self::Signals(signals) => signals.next().await,
        }
    }

    pub(super) async fn requested_again(&mut self) {
        match self {
            Self::On(_) => std::future::pending().await,
            Self::Signals(signals) => signals.next().await,
        }
    }
}

#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Installs the signal handlers. A signal that comes before the first wait is not lost.
    pub(super) fn listen() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Error::signal)?,
            terminate: signal(SignalKind::terminate()).map_err(Error::signal)?,
        })
    }

    async fn next(&mut self) {
        race(self.interrupt.recv(), self.terminate.recv()).await;
    }
}

#[cfg(windows)]
pub(super) struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(windows)]
impl Signals {
    pub(super) fn listen() -> Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c().map_err(Error::signal)? })
    }

    async fn next(&mut self) {
        self.interrupt.recv().await;
    }
}
