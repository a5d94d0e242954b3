//! [`StreamParts`], the parts of a parked stream that are dropped at its end.

use axum_core::body::Body;
use tracing::Span;

use super::endings::Endings;
use crate::error::CloseReason;
use crate::server::open_streams::StreamEntry;
use crate::stream::{Lifecycle, drop_guarded, guarded};
use crate::topic::Subscription;

/// The parts of a parked stream, without its connection.
pub(super) struct StreamParts {
    pub(super) subscription: Subscription,
    pub(super) endings: Option<Box<Endings>>,
    pub(super) lifecycle: Lifecycle,
    pub(super) body: Body,
    pub(super) entry: StreamEntry,
    pub(super) span: Span,
}

impl StreamParts {
    /// Drops all parts, in the order in which a body drops its own. A panic in one part does not keep the others
    /// from being dropped.
    pub(super) fn end(self) {
        let Self { subscription, endings, lifecycle, body, entry, span } = self;
        let entered = guarded("entering a span", || span.enter());
        drop_guarded(subscription);
        if !endings.is_none_or(|endings| endings.let_go()) {
            lifecycle.link().close(CloseReason::Panicked);
        }
        drop_guarded(lifecycle);
        drop_guarded(body);
        drop(entry);
        drop_guarded(entered);
        drop_guarded(span);
    }
}
