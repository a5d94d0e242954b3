//! A handler is a function, so it is an axum handler too.

use axum::extract::{Path, State};
use futures_util::StreamExt;
use touka::{EventStream, sse_handler};

#[sse_handler]
async fn room(Path(room): Path<String>, State(count): State<u32>) -> Result<EventStream, http::StatusCode> {
    for _ in 0..count {
        emit!(room.clone());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _: axum::Router = axum::Router::new().route("/rooms/{room}", axum::routing::get(room)).with_state(3);
    let stream = room(Path("x".to_owned()), State(3)).await.unwrap();
    assert_eq!(stream.count().await, 3);
}
