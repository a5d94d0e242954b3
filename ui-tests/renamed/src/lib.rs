//! A crate that depends on touka as `sse`. It compiles only if no expansion contains the path
//! `::touka`.

use sse::{EventStream, IntoEvent, Router, route, routes, sse, sse_handler};

/// A typed event.
#[derive(Debug)]
pub struct Tick(u64);

impl IntoEvent for Tick {
    fn into_event(self) -> sse::Result<sse::Event> {
        sse::Event::json(&self.0)
    }
}

/// An untyped stream with a route.
#[sse_handler(crate = sse)]
#[route(GET, "/greet/{name}", crate = sse)]
pub async fn greet(name: String) {
    emit!(format!("hello {name}"));
}

/// A typed stream that can fail.
#[route(GET, "/ticks/{count}", crate = sse)]
#[sse_handler(crate = sse)]
pub async fn ticks(count: u64, _last: sse::extract::LastEventId) -> Result<EventStream<Tick>, http::StatusCode> {
    for tick in 0..count {
        emit!(Tick(tick));
    }
}

/// An `sse!` block, which needs no `crate` option; and a query parameter.
#[route(GET, "/block?{count}", crate = sse)]
pub async fn block(count: Option<u64>) -> EventStream<Tick> {
    sse! {
        for tick in 0..count.unwrap_or(3) {
            yield Tick(tick);
        }
    }
}

/// A route without a stream.
#[route(POST, "/plain", crate = ::sse)]
pub async fn plain(body: String) -> String {
    body
}

/// The routes.
pub fn router() -> Router {
    Router::new().mount(routes![greet, ticks, block, plain])
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    #[tokio::test]
    async fn a_renamed_touka_works() {
        let mut stream = super::greet("you".to_owned()).await;
        let event = stream.next().await.expect("an event");
        assert_eq!(event.as_data(), Some("hello you"));
        assert!(stream.next().await.is_none());
        assert_eq!(super::block(Some(2)).await.count().await, 2);
        drop(super::router());
    }
}
