//! `?` converts errors with `From`, as in any function.

use axum::response::IntoResponse;
use futures_util::StreamExt;
use http::StatusCode;
use touka::{Event, EventStream, sse_handler};

#[derive(Debug)]
enum Failure {
    Touka,
    Number,
}

impl From<touka::Error> for Failure {
    fn from(_: touka::Error) -> Self {
        Self::Touka
    }
}

impl From<std::num::ParseIntError> for Failure {
    fn from(_: std::num::ParseIntError) -> Self {
        Self::Number
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        match self {
            Self::Touka => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Self::Number => StatusCode::BAD_REQUEST.into_response(),
        }
    }
}

#[sse_handler]
async fn numbers(text: String) -> Result<EventStream, Failure> {
    let number: u32 = text.parse()?;
    emit!(Event::json(&number)?);
    for left in 0..number {
        emit!(Event::json(&left)?.id(u64::from(left)));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(numbers("3".to_owned()).await.unwrap().count().await, 4);
    assert!(matches!(numbers("x".to_owned()).await, Err(Failure::Number)));
}
