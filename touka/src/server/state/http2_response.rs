//! [`Http2Response`], the state that the body of an HTTP/2 response shares with the task that writes it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::futures::TaskLocalFuture;
use tokio::time::Instant;

use super::sent::Sent;
use crate::error::CloseReason;
use crate::stream::Link;

tokio::task_local! {
    static CURRENT: Http2Response;
}

/// State of the response that the current task writes. Under HTTP/1.1, where the socket itself is watched,
/// there is no such task, and the functions below do nothing.
#[derive(Debug)]
pub(in crate::server) struct Http2Response {
    /// Set while hyper holds a piece of the body that the client's window does not allow yet.
    waits: Cell<bool>,
    sent: RefCell<Option<Arc<Sent>>>,
    write_timeout: Cell<Duration>,
    link: RefCell<Option<Link>>,
}

impl Http2Response {
    /// Runs the task of one response.
    pub(in crate::server) fn scope<F: Future>(write_timeout: Duration, task: F) -> TaskLocalFuture<Self, F> {
        let response = Self {
            waits: Cell::new(false),
            sent: RefCell::new(None),
            write_timeout: Cell::new(write_timeout),
            link: RefCell::new(None),
        };
        CURRENT.scope(response, task)
    }

    /// Sets the stream that the response is, and its write timeout.
    pub(in crate::server) fn watch(link: &Link, write_timeout: Duration) {
        let _ = CURRENT.try_with(|response| {
            response.write_timeout.set(write_timeout);
            response.link.replace(Some(link.clone()));
        });
    }

    /// Sets the counter of the response's unsent bytes.
    pub(in crate::server) fn count(sent: &Arc<Sent>) {
        let _ = CURRENT.try_with(|response| response.sent.replace(Some(Arc::clone(sent))));
    }

    /// Records whether hyper holds a piece of the body.
    pub(in crate::server) fn set_waiting(waits: bool) {
        let _ = CURRENT.try_with(|response| response.waits.set(waits));
    }

    /// Returns since when the client has taken no byte of the response, and its write timeout. `None` while
    /// hyper does not wait for the client.
    pub(in crate::server) fn waiting_since() -> Option<(Instant, Duration)> {
        CURRENT.with(|response| {
            let since = response.waits.get().then(|| response.sent.borrow().as_ref().map(|sent| sent.stalled_since()));
            since.flatten().map(|since| (since, response.write_timeout.get()))
        })
    }

    /// Records why the stream ends, if the response is one.
    pub(in crate::server) fn close(reason: CloseReason) {
        CURRENT.with(|response| {
            if let Some(link) = &*response.link.borrow() {
                link.close(reason);
            }
        });
    }
}
