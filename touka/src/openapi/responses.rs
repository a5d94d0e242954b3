//! [`DescribeResponse`] for return types and errors.

use std::borrow::Cow;
use std::convert::Infallible;

use axum_core::body::Body;
use axum_core::response::{AppendHeaders, ErrorResponse, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use super::describe::{DescribeResponse, HasSchema};
use super::described::Content;
use super::events::DescribeEvents;
use super::operation::Operation;
use crate::error::Error;
use crate::extract::{ConnectInfoRejection, JsonRejection, MatchedPathRejection, ParamRejection, QueryRejection};
use crate::response::{Html, Json, Redirect};
use crate::run::RunError;
use crate::stream::EventStream;
use crate::topic::HubError;

const FAILED: &str = "The server failed to answer.";

impl<T: DescribeEvents> DescribeResponse for EventStream<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.stream::<T>();
    }
}

impl<T: HasSchema> DescribeResponse for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.own_json::<T>();
    }
}

impl<T: DescribeResponse, E: DescribeResponse> DescribeResponse for Result<T, E> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
        operation.as_error(E::describe);
    }
}

impl DescribeResponse for () {
    fn describe(operation: &mut Operation<'_>) {
        operation.own_empty();
    }
}

/// Any status.
impl DescribeResponse for StatusCode {}

impl DescribeResponse for Infallible {
    fn describe(_: &mut Operation<'_>) {}
}

impl DescribeResponse for Redirect {
    fn describe(operation: &mut Operation<'_>) {
        for status in [StatusCode::SEE_OTHER, StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
            operation.response(status, "The answer is elsewhere.");
        }
    }
}

/// Implements the trait for types of one content.
macro_rules! contents {
    ($($content:ident: $($type:ty),*;)*) => {
        $($(impl DescribeResponse for $type {
            fn describe(operation: &mut Operation<'_>) {
                operation.own(Content::$content);
            }
        })*)*
    };
}

contents! {
    Text: String, &'static str, Box<str>, Cow<'static, str>;
    Bytes: Bytes, BytesMut, Vec<u8>, Box<[u8]>, &'static [u8];
}

impl<T> DescribeResponse for Html<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.own(Content::Html);
    }
}

// Nothing is known of these.
impl DescribeResponse for Response {}
impl DescribeResponse for Body {}
impl DescribeResponse for ErrorResponse {}

/// Implements the trait for a status before other types, and for headers before them.
macro_rules! tuples {
    ($($(const $length:ident)? ($($parameter:ident),*) $headers:ty;)*) => {
        $(
            impl<R: DescribeResponse, $($parameter,)* $(const $length: usize)?> DescribeResponse for ($headers, R) {
                fn describe(operation: &mut Operation<'_>) {
                    R::describe(operation);
                }
            }

            impl<R: DescribeResponse, $($parameter,)* $(const $length: usize)?> DescribeResponse
                for (StatusCode, $headers, R)
            {
                fn describe(operation: &mut Operation<'_>) {
                    operation.with_any_status(R::describe);
                }
            }
        )*
    };
}

tuples! {
    () HeaderMap;
    const N (K, V) [(K, V); N];
    (I) AppendHeaders<I>;
}

impl<R: DescribeResponse> DescribeResponse for (StatusCode, R) {
    fn describe(operation: &mut Operation<'_>) {
        operation.with_any_status(R::describe);
    }
}

impl DescribeResponse for Error {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    }
}

impl DescribeResponse for HubError {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::BAD_REQUEST, "A name or a key of a topic is not valid.");
        operation.text_response(StatusCode::CONFLICT, "The topic is closed.");
        operation.text_response(StatusCode::GONE, "The topic was removed.");
        operation.text_response(StatusCode::PAYLOAD_TOO_LARGE, "The event is too large.");
        operation.text_response(StatusCode::SERVICE_UNAVAILABLE, "The events cannot be reached now.");
        operation.text_response(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    }
}

/// The statuses of the error, and the last events of the run in the stream beside it.
impl DescribeResponse for RunError {
    fn describe(operation: &mut Operation<'_>) {
        operation.run();
        operation.text_response(StatusCode::BAD_REQUEST, "The key or the owner is not valid.");
        operation.text_response(StatusCode::NOT_FOUND, "There is no such run.");
        operation.default_response("The body has failed before its first event: the response of its error.");
        operation.text_response(StatusCode::CONFLICT, "The run has not ended.");
        operation.text_response(StatusCode::TOO_MANY_REQUESTS, "The owner has too many runs.");
        operation.text_response(StatusCode::SERVICE_UNAVAILABLE, "There are too many runs, or they cannot be reached.");
        operation.text_response(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    }
}

impl DescribeResponse for ParamRejection {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::BAD_REQUEST, "A parameter is not valid.");
    }
}

impl DescribeResponse for QueryRejection {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::BAD_REQUEST, "The query is not valid.");
    }
}

impl DescribeResponse for JsonRejection {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::BAD_REQUEST, "The body is not the expected JSON.");
        operation.text_response(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.");
        operation.text_response(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The request has no `Content-Type` of JSON.");
    }
}

impl DescribeResponse for ConnectInfoRejection {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    }
}

impl DescribeResponse for MatchedPathRejection {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_response(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    }
}
