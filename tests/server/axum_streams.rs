//! Handlers of axum apps that respond with event streams.

use axum::extract::Path;
use axum::response::sse;
use futures_util::{StreamExt, stream};
use touka::sse_handler;

#[sse_handler]
pub(crate) async fn room(Path(room): Path<String>) {
    emit!(room);
    std::future::pending::<()>().await;
}

/// A stream built with axum's `Sse`.
pub(crate) async fn foreign() -> sse::Sse<impl stream::Stream<Item = Result<sse::Event, touka::Error>>> {
    sse::Sse::new(stream::iter([Ok(sse::Event::default().data("foreign"))]).chain(stream::pending()))
}
