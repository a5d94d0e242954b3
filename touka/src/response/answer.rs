//! [`answer`], the response of a service to one request.

use std::future::poll_fn;

use axum_core::BoxError;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use tower_service::Service;

use super::catch_panic::catch_panic;
use super::refusal::{FAILED, refusal};

/// Waits until the service is ready, and calls it. An error becomes a 500, and so does a panic. Their texts go to
/// the log, because they may not be for the client.
pub(crate) async fn answer<V>(service: V, request: Request) -> Response
where
    V: Service<Request, Response: IntoResponse, Error: Into<BoxError>>,
{
    catch_panic(FAILED, Ok(call(service, request))).await
}

async fn call<V>(mut service: V, request: Request) -> Response
where
    V: Service<Request, Response: IntoResponse, Error: Into<BoxError>>,
{
    let ready = poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into);
    let answered: Result<_, BoxError> = match ready {
        Ok(()) => service.call(request).await.map_err(Into::into),
        Err(error) => Err(error),
    };
    answered.map_or_else(
        |error| {
            tracing::error!(target: "touka::server", %error, "a service failed");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
        },
        IntoResponse::into_response,
    )
}
