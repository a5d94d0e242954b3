//! [`HandlerError`], the error of a handler that can fail.

use std::convert::Infallible;

use axum_core::response::{IntoResponse, Response};

/// The error of a handler or of a body that can fail: a type that is
/// [`IntoResponse`](crate::response::IntoResponse), or
/// [`ErrorResponse`](crate::response::ErrorResponse), which `?` makes of any such type.
///
/// Before the stream opens the error is the response. Afterwards its status is in the `error` event that ends the
/// stream. The trait is implemented for all these types.
///
/// ```
/// use touka::EventStream;
/// use touka::response::ErrorResponse;
/// use touka::stream::HandlerError;
///
/// /// Opens a stream with the first number, or fails with the error.
/// async fn first<E: HandlerError>(number: Result<u8, E>) -> Result<EventStream, E> {
///     EventStream::try_generate(|out| async move {
///         out.emit(number?.to_string()).await;
///         Ok(())
///     })
///     .await
/// }
///
/// # async fn run() {
/// let stream = first::<ErrorResponse>(Ok(7)).await;
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a handler",
    label = "the error of this handler is not a response",
    note = "until the stream opens, an error is sent as the response, so it must be axum's `IntoResponse`",
    note = "implement `IntoResponse` for an error type of your own, and `From` for each error that `?` converts",
    note = "`Box<dyn Error>` cannot implement it: wrap it in a type of your own, or convert it, as in `.map_err(|_| StatusCode::BAD_GATEWAY)?`"
)]
pub trait HandlerError: Send + Sized + 'static {
    /// The error as a response.
    #[doc(hidden)]
    fn into_error_response(self) -> Response;
}

// `ErrorResponse` is no `IntoResponse`, but a `Result` of it is one, as is a `Result` of every other error.
#[diagnostic::do_not_recommend]
impl<E> HandlerError for E
where
    E: Send + 'static,
    Result<Infallible, E>: IntoResponse,
{
    fn into_error_response(self) -> Response {
        Err::<Infallible, E>(self).into_response()
    }
}
