//! [`DescribeRequest`] for extractors.

use axum_core::body::Body;
use axum_core::extract::Request;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version};

use super::describe::{DescribeRequest, DescribeResponse as _, HasSchema};
use super::operation::Operation;
use crate::extract::{
    ConnectInfo, JsonRejection, LastEventId, MatchedPath, OriginalUri, Params, Query, QueryParams, QueryRejection,
    State,
};
use crate::response::Json;

const TOO_LARGE: &str = "The body is too large.";

impl<T: HasSchema> DescribeRequest for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.json_body::<T>();
        operation.as_error(JsonRejection::describe);
    }
}

impl<T: HasSchema> DescribeRequest for Query<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.query_parameters::<T>();
        operation.as_error(QueryRejection::describe);
    }
}

impl DescribeRequest for LastEventId {
    fn describe(operation: &mut Operation<'_>) {
        operation.resumes();
    }
}

impl DescribeRequest for String {
    fn describe(operation: &mut Operation<'_>) {
        operation.text_body();
        operation.refusal(StatusCode::BAD_REQUEST, "The body is not UTF-8.");
        operation.refusal(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE);
    }
}

impl DescribeRequest for Bytes {
    fn describe(operation: &mut Operation<'_>) {
        operation.bytes_body();
        operation.refusal(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE);
    }
}

impl DescribeRequest for BytesMut {
    fn describe(operation: &mut Operation<'_>) {
        <Bytes as DescribeRequest>::describe(operation);
    }
}

impl DescribeRequest for Body {
    fn describe(operation: &mut Operation<'_>) {
        operation.bytes_body();
    }
}

impl DescribeRequest for Request {
    fn describe(operation: &mut Operation<'_>) {
        operation.bytes_body();
    }
}

/// Optional: the parameters and the body are those of `T`.
impl<T: DescribeRequest> DescribeRequest for Option<T> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

/// The handler answers a rejection itself.
impl<T: DescribeRequest, E> DescribeRequest for Result<T, E> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

/// Implements the trait for types that read nothing a client must know of.
macro_rules! nothing {
    ($($type:ty $(, of $parameter:ident)?);* $(;)?) => {
        $(impl $(<$parameter>)? DescribeRequest for $type {})*
    };
}

nothing!(
    State<T>, of T;
    Params;
    QueryParams;
    MatchedPath;
    OriginalUri;
    ConnectInfo;
    Parts;
    HeaderMap;
    Method;
    Uri;
    Version;
    Extensions;
);

#[cfg(feature = "axum")]
nothing!(
    axum::extract::State<T>, of T;
    axum::Extension<T>, of T;
    axum::extract::MatchedPath;
    axum::extract::OriginalUri;
    axum::extract::ConnectInfo<T>, of T;
    axum::extract::RawQuery;
    axum::extract::RawPathParams;
);
