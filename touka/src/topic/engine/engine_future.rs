//! [`EngineFuture`], the future of an engine's operation.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::stream::drop_guarded;
use crate::topic::error::HubError;

/// The future of an operation of an [`Engine`](super::Engine). An operation that is done at once allocates nothing.
///
/// ```
/// use touka::topic::engine::EngineFuture;
///
/// async fn ask_the_store() -> bool {
///     true
/// }
///
/// fn has(known: bool) -> EngineFuture<'static, bool> {
///     if known { EngineFuture::ready(Ok(true)) } else { EngineFuture::new(async { Ok(ask_the_store().await) }) }
/// }
/// # drop((has(true), has(false)));
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct EngineFuture<'a, T>(State<'a, T>);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, HubError>> + Send + 'a>>;

enum State<'a, T> {
    /// `None` once it was polled.
    Ready(Option<Result<T, HubError>>),
    /// `None` only while this is dropped.
    Running(Option<Boxed<'a, T>>),
}

impl<'a, T> EngineFuture<'a, T> {
    /// The future of an operation that is done.
    pub const fn ready(result: Result<T, HubError>) -> Self {
        Self(State::Ready(Some(result)))
    }

    /// Boxes the future of an operation.
    ///
    /// It is dropped before it is ready if its caller is no longer interested. A panic of its destructor is logged.
    pub fn new(future: impl Future<Output = Result<T, HubError>> + Send + 'a) -> Self {
        Self(State::Running(Some(Box::pin(future))))
    }
}

impl<T: Unpin> Future for EngineFuture<'_, T> {
    type Output = Result<T, HubError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Ready(result) => result.take().map_or(Poll::Pending, Poll::Ready),
            State::Running(Some(future)) => future.as_mut().poll(cx),
            State::Running(None) => Poll::Pending,
        }
    }
}

impl<T> Drop for EngineFuture<'_, T> {
    fn drop(&mut self) {
        if let State::Running(future) = &mut self.0 {
            drop_guarded(future.take());
        }
    }
}

impl<T> fmt::Debug for EngineFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineFuture")
    }
}
