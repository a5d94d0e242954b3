//! [`catch_panic`], which turns the panic of a handler into a response.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::response::Response;
use http::StatusCode;
use pin_project_lite::pin_project;

use super::refusal::refusal;
use crate::stream::{Panic, catch, drop_guarded, log_panic};

pin_project! {
    struct CatchPanic<F> {
        // Dropped as soon as it is ready or has panicked: a future that has panicked is not polled again.
        #[pin]
        future: Option<F>,
        line: &'static str,
    }

    impl<F> PinnedDrop for CatchPanic<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut future = this.project().future;
            if let Err(panic) = catch(|| future.set(None)) {
                log_panic("a destructor", panic);
            }
        }
    }
}

/// Waits for user code that answers a request. A panic in it, or before its future existed, becomes a 500 with
/// this line and affects no other request.
pub(crate) async fn catch_panic<F>(line: &'static str, started: Result<F, Panic>) -> Response
where
    F: Future<Output = Response>,
{
    match started {
        Ok(future) => CatchPanic { future: Some(future), line }.await,
        Err(panic) => panicked(line, panic),
    }
}

fn panicked(line: &str, panic: Panic) -> Response {
    log_panic("a handler", panic);
    refusal(StatusCode::INTERNAL_SERVER_ERROR, line)
}

impl<F: Future<Output = Response>> Future for CatchPanic<F> {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = self.project();
        let (mut future, line) = (this.future, *this.line);
        let Some(running) = future.as_mut().as_pin_mut() else { return Poll::Pending };
        let response = match catch(|| running.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(response)) => response,
            Err(panic) => panicked(line, panic),
        };
        Poll::Ready(match catch(|| future.set(None)) {
            Ok(()) => response,
            Err(panic) => {
                drop_guarded(response);
                panicked(line, panic)
            }
        })
    }
}
