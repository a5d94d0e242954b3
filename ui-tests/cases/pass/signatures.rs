//! All forms of return types, and all ends of bodies.

use futures_util::StreamExt;
use http::StatusCode;
use touka::{Event, EventStream, IntoEvent, sse_handler};

struct Tick(u64);

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Event::json(&self.0)
    }
}

type Feed = EventStream<Tick>;
type Answer<T = Event> = Result<EventStream<T>, StatusCode>;

#[sse_handler]
async fn nothing_written() {
    emit!("text");
    emit!(String::from("owned"));
    emit!(Event::data("event"));
}

#[sse_handler]
async fn untyped() -> EventStream {
    emit!("text",);
}

#[sse_handler]
async fn typed() -> EventStream<Tick> {
    emit!(Tick(1));
}

#[sse_handler]
async fn by_path() -> touka::EventStream<touka::Event> {
    emit!(Event::data("event"));
}

#[sse_handler]
async fn fallible() -> Result<EventStream, StatusCode> {
    emit!(Event::json(&7).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?);
}

#[sse_handler]
async fn fallible_and_typed() -> Result<EventStream<Tick>, StatusCode> {
    emit!(Tick(1));
    Ok(())
}

#[sse_handler]
async fn alias() -> Feed {
    emit!(Tick(1));
}

#[sse_handler]
async fn fallible_alias() -> Answer<Tick> {
    emit!(Tick("1".parse().map_err(|_| StatusCode::BAD_REQUEST)?));
}

#[sse_handler]
async fn fallible_alias_with_an_end() -> Answer {
    emit!(Event::data("event"));
    Ok(())
}

#[sse_handler]
async fn ends_early(early: bool) {
    emit!("first");
    if early {
        return;
    }
    emit!("second");
}

#[sse_handler]
async fn ends_early_with_ok(early: bool) -> Result<EventStream, StatusCode> {
    emit!("first");
    if early {
        return Ok(());
    }
    emit!("second");
}

#[sse_handler]
async fn never_ends() {
    loop {
        emit!("again");
    }
}

#[sse_handler]
async fn never_ends_but_may_fail() -> Result<EventStream, StatusCode> {
    loop {
        emit!("again");
    }
}

#[sse_handler]
async fn ends_with_a_return() -> Result<EventStream, StatusCode> {
    emit!("once");
    return Ok(());
}

#[sse_handler]
async fn fails() -> Result<EventStream, StatusCode> {
    Err(StatusCode::NOT_FOUND)
}

#[sse_handler]
async fn panics() -> Result<EventStream, StatusCode> {
    emit!("once");
    panic!("on purpose")
}

#[sse_handler]
async fn does_nothing() {}

#[sse_handler]
async fn does_nothing_and_may_fail() -> Result<EventStream, StatusCode> {}

async fn count<T>(stream: EventStream<T>) -> usize {
    stream.count().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // One of the handlers panics on purpose: its message is noise.
    std::panic::set_hook(Box::new(|_| {}));
    assert_eq!(count(panics().await.unwrap()).await, 1);
    drop(std::panic::take_hook());

    assert_eq!(count(nothing_written().await).await, 3);
    assert_eq!(count(untyped().await).await, 1);
    assert_eq!(count(typed().await).await, 1);
    assert_eq!(count(by_path().await).await, 1);
    assert_eq!(count(fallible().await.unwrap()).await, 1);
    assert_eq!(count(fallible_and_typed().await.unwrap()).await, 1);
    assert_eq!(count(alias().await).await, 1);
    assert_eq!(count(fallible_alias().await.unwrap()).await, 1);
    assert_eq!(count(fallible_alias_with_an_end().await.unwrap()).await, 1);
    assert_eq!(count(ends_early(true).await).await, 1);
    assert_eq!(count(ends_early(false).await).await, 2);
    assert_eq!(count(ends_early_with_ok(true).await.unwrap()).await, 1);
    assert_eq!(count(ends_early_with_ok(false).await.unwrap()).await, 2);
    assert_eq!(never_ends().await.take(5).count().await, 5);
    assert_eq!(never_ends_but_may_fail().await.unwrap().take(5).count().await, 5);
    assert_eq!(count(ends_with_a_return().await.unwrap()).await, 1);
    assert_eq!(fails().await.unwrap_err(), StatusCode::NOT_FOUND);
    assert_eq!(count(does_nothing().await).await, 0);
    assert_eq!(count(does_nothing_and_may_fail().await.unwrap()).await, 0);
}
