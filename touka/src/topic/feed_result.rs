//! [`FeedResult`], what the body of a feed ends with.

use std::convert::Infallible;

use crate::stream::HandlerError;

/// The result of a feed's body: nothing, a `Result<(), E>` whose error is a response, or `!` for a body that never ends.
///
/// Of an error, subscribers are sent its status only, as with any handler that fails.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::{EventStream, Hub, HubError, route};
///
/// #[route(GET, "/numbers")]
/// async fn numbers(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
///     let topic = hub.topic("numbers")?.fed_by(|topic| async move {
///         for number in 1..=3 {
///             topic.publish(number.to_string()).await?;
///         }
///         Ok::<(), HubError>(())
///     });
///     topic.subscribe(from).await
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the body of a feed or a run cannot end with `{Self}`",
    label = "expected nothing, or a `Result<(), E>` whose error is a response",
    note = "to use `?`, end the body with `Ok::<(), E>(())`, where `E` is axum's `IntoResponse`, such as `HubError`"
)]
pub trait FeedResult: Send + 'static {
    /// The type of the error.
    type Error: HandlerError;

    /// Converts the value to a `Result`.
    ///
    /// # Errors
    /// The body has failed.
    fn into_result(self) -> Result<(), Self::Error>;
}

impl FeedResult for () {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: HandlerError> FeedResult for Result<(), E> {
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// A body that loops forever has the type `!`, which stable Rust can only name as the result of a function.
impl FeedResult for <fn() -> ! as Returns>::Output {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        self
    }
}

/// A function type, as a means to name its result.
pub trait Returns {
    /// The type of the result.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}
