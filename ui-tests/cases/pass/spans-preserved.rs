//! The body keeps the user's line and column numbers.

use futures_util::StreamExt;
use touka::{EventStream, sse, sse_handler};

#[sse_handler]
async fn lines() -> EventStream<String> {
    emit!(line!().to_string());
    let line = line!();
    emit!(line.to_string());

    emit!(format!("{}:{}", line!(), column!()));
    emit!(file!().rsplit('/').next().unwrap_or_default().to_owned());
}

fn block() -> EventStream<String> {
    sse! {
        yield line!().to_string();

        yield format!("{}:{}", line!(), column!())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let lines: Vec<String> = lines().await.collect().await;
    assert_eq!(lines, ["8", "9", "12:37", "spans-preserved.rs"]);
    let lines: Vec<String> = block().collect().await;
    assert_eq!(lines, ["18", "20:41"]);
}
