//! The modes and the options in the forms that the documentation names.

#![deny(warnings)]

use futures_util::StreamExt;
use touka::{CloseReason, Event, EventSender, EventStream, EventWriter, sse_handler};

#[sse_handler(callback)]
async fn borrowed(mut left: u32, out: &mut EventWriter) -> bool {
    out.write(left.to_string()).await;
    left -= 1;
    left > 0
}

#[sse_handler(callback, retry = "1s", keep_alive = off)]
async fn owned(mut out: EventWriter<String>) -> Result<bool, http::StatusCode> {
    out.write("x").await;
    Ok(false)
}

#[sse_handler(channel = 1)]
async fn sent(events: EventSender) {
    _ = events.send("sent").await;
    emit!("emitted");
}

#[sse_handler(channel = 1, end = "done")]
fn blocking(up_to: u32, events: EventSender) -> EventStream {
    for number in 0..up_to {
        _ = events.blocking_send(number.to_string());
    }
}

fn log(_: CloseReason) {}

fn sorry(status: http::StatusCode) -> Event {
    Event::data(status.as_str())
}

#[sse_handler(
    keep_alive = "15s",
    retry = "3s",
    open_after = "500ms",
    end = "done",
    max_lifetime = "1h30m",
    write_timeout = "30s",
    on_error = sorry,
    on_close = self::log
)]
async fn everything() -> Result<EventStream<Event>, http::StatusCode> {
    emit!(Event::data("x"));
}

async fn count<T>(stream: EventStream<T>) -> usize {
    stream.count().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(count(borrowed(3).await).await, 3);
    assert_eq!(count(owned().await.unwrap()).await, 1);
    assert_eq!(count(sent().await).await, 2);
    assert_eq!(count(blocking(4).await).await, 4);
    assert_eq!(count(everything().await.unwrap()).await, 1);
}
