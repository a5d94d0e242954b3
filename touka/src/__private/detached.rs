//! Support for `#[sse_handler(detached = …)]`: the run that a route starts or joins.

use std::fmt::{Display, Write as _};

use axum_core::extract::FromRef;
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, StatusCode};

use super::returns::Returns;
use crate::event::{EventId, IntoEvent};
use crate::extract::LastEventId;
use crate::run::Run;
use crate::stream::{EventStream, HandlerError};
use crate::topic::Hub;

/// A router's state that has a hub.
#[diagnostic::on_unimplemented(
    message = "the router's state `{Self}` has no `Hub` for the runs of this route",
    label = "the run of this handler needs a hub",
    note = "keep a `Hub` in the state, and write `impl FromRef<{Self}> for Hub`, with `FromRef` from `touka::extract`; a state that is a `Hub` itself works as well",
    note = "the state is given by `with_state`, as in `Router::new().mount(routes![…]).with_state(state)`"
)]
pub trait HasHub {
    fn hub(&self) -> Hub;
}

#[diagnostic::do_not_recommend]
impl<S> HasHub for S
where
    Hub: FromRef<S>,
{
    fn hub(&self) -> Hub {
        Hub::from_ref(self)
    }
}

/// A parameter whose text is a part of the key or of the owner of a run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of the key or of the owner of a run",
    label = "has no text, because it is not `Display`",
    note = "implement `Display` for `{Self}`, or take a parameter that is `Display`, such as `String` or a number"
)]
pub trait Shown {
    fn as_display(&self) -> &dyn Display;
}

#[diagnostic::do_not_recommend]
impl<T: Display> Shown for T {
    fn as_display(&self) -> &dyn Display {
        self
    }
}

/// Returns a part of a key or an owner.
pub fn shown<T: Shown>(part: &T) -> &dyn Display {
    part.as_display()
}

/// Returns the run of a route. The error is the response.
#[allow(clippy::result_large_err)] // the refusal is the response itself, as in every extractor
pub fn run<S: HasHub>(state: &S, key: &[&dyn Display], owner: Option<&[&dyn Display]>) -> Result<Run, Response> {
    let run = state.hub().run(text(key)?).map_err(IntoResponse::into_response)?;
    Ok(match owner {
        Some(owner) => run.owner(text(owner)?),
        None => run,
    })
}

#[allow(clippy::result_large_err)]
fn text(parts: &[&dyn Display]) -> Result<String, Response> {
    let mut text = String::new();
    for part in parts {
        if write!(text, "{part}").is_err() {
            // What has been written may be the key of another run.
            tracing::error!(target: "touka::run", text, "the `Display` of a part of a run's key or owner has failed");
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
    }
    Ok(text)
}

/// The client of a route that starts a run or joins it.
#[derive(Debug)]
pub struct Viewer {
    from: Option<EventId>,
    /// Whether the request is HEAD, which is safe: it starts nothing.
    is_head: bool,
}

impl Viewer {
    /// Reads the head of a request.
    pub fn of(parts: &Parts) -> Self {
        Self { from: LastEventId::from_parts(parts).0, is_head: parts.method == Method::HEAD }
    }

    /// Starts the run unless there is one, and follows it.
    pub async fn join<R, F, B>(self, run: Run, call: F) -> Result<EventStream<R::Item>, Response>
    where
        R: Returns<Item: IntoEvent + Send + 'static>,
        F: FnOnce() -> B + Send + 'static,
        B: Future<Output = R> + Send + 'static,
    {
        if self.is_head {
            return run.follow(self.from).await.map_err(IntoResponse::into_response);
        }
        // A client that leaves before the response has been a viewer.
        let guest = run.guest();
        let started = run.start(move || {
            let called = call();
            async move { called.await.opened() }
        });
        let joined = match started.await {
            Ok(_) => run.follow(self.from).await,
            Err(error) => Err(error),
        };
        guest.dismiss();
        joined.map_err(IntoResponse::into_response)
    }
}

/// Returns the response of an error of the handler.
pub fn refuse<E: HandlerError>(error: E) -> Response {
    error.into_error_response()
}
