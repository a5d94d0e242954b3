//! A service's answer to one request, whatever happens.

use std::future::poll_fn;

use axum_core::BoxError;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use tower_service::Service;

use super::refusal::refusal;
use super::survive::survive;

/// What the client is told of what went wrong inside.
const FAILED: &str = "the server failed to answer this request";

/// Waits until the service is ready, and asks it. Its error becomes a 500: the text may hold what
/// is none of the client's business, so it goes to the log. So does its panic.
pub(crate) async fn answer<V>(service: V, request: Request) -> Response
where
    V: Service<Request, Response: IntoResponse, Error: Into<BoxError>>,
{
    survive(FAILED, Ok(ask(service, request))).await
}

async fn ask<V>(mut service: V, request: Request) -> Response
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
