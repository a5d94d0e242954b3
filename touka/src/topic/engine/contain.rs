//! [`contain`], which makes an error of a panic of an engine.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use super::engine_future::EngineFuture;
use crate::stream::{Panic, catch, log_panic};
use crate::topic::error::HubError;

/// Calls a method of an engine. A panic is logged, and is an error, for callers that can go on without the outcome.
pub(super) async fn contain<'a, T: Unpin>(
    method: &'static str,
    call: impl FnOnce() -> EngineFuture<'a, T>,
) -> Result<T, HubError> {
    let failed = |panic: Panic| {
        log_panic("an engine", panic);
        HubError::engine_panicked(method)
    };
    let mut future = catch(call).map_err(failed)?;
    poll_fn(|cx| match catch(|| Pin::new(&mut future).poll(cx)) {
        Ok(polled) => polled,
        Err(panic) => Poll::Ready(Err(failed(panic))),
    })
    .await
}
