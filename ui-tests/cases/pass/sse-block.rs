//! `sse!` in any expression, with `yield` as any statement.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use axum::Json;
use axum::response::{Html, IntoResponse, Response};
use futures_util::StreamExt;
use touka::{Event, EventStream, IntoEvent, Router, route, routes, sse, sse_handler};

#[derive(Clone, Debug, PartialEq)]
struct Tick(u64);

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data(self.0.to_string()))
    }
}

/// A stream whose event type is not inferred takes any `Into<Event>`; one function may have both.
#[route(GET, "/report?{format}")]
async fn report(format: Option<String>) -> Response {
    let steps = vec!["one".to_owned(), "two".to_owned()];
    match format.as_deref() {
        Some("json") => Json(steps).into_response(),
        Some("html") => Html(steps.concat()).into_response(),
        Some("ticks") => {
            let ticks: EventStream<Tick> = sse! { yield Tick(3) };
            ticks.into_response()
        }
        Some("none") => return sse! {}.into_response(),
        _ => sse! {
            for step in &steps {
                yield step.as_str().to_owned();
            }
            yield Event::data("three").id(3u64);
            emit!("four");
        }
        .retry(Duration::from_secs(3))
        .into_response(),
    }
}

/// The return value of a function, whose signature has the event type.
async fn typed(from: u64) -> EventStream<Tick> {
    sse! {
        for number in from.. {
            if number == from + 3 {
                return;
            }
            yield Tick(number);
        }
    }
}

async fn fallible(text: &str) -> Result<EventStream<Tick>, std::num::ParseIntError> {
    let from = text.parse()?;
    Ok(sse! { emit!(Tick(from)) })
}

fn opaque() -> impl IntoResponse {
    sse! { yield "opaque"; }
}

fn pair() -> (EventStream<String>, EventStream) {
    (sse!(yield String::from("text")), sse![yield "event"; yield String::from("event")])
}

async fn anywhere() -> Vec<Event> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
    sender.send("received").await.unwrap();
    let mut names: HashMap<&str, u8> = HashMap::from([("a", 1)]);
    let sse = "a variable of this name";
    let stream: EventStream = sse! {
        tokio::select! {
            Some(word) = receiver.recv() => { yield word }
            else => yield "closed",
        }
        tokio::select! {
            biased;
            () = std::future::ready(()) => yield "select",
            () = std::future::pending() => { yield "never"; }
        }
        tokio::join!(async { yield "left" }, async {
            yield "right";
        });
        match names.remove("a") {
            Some(1) => yield "1,2".split_once::<char>(',').map_or("", |(a, _b)| a),
            Some(_) => emit!("other"),
            None => {}
        }
        if names.is_empty() { yield "if" } else { yield "else" }
        let length = {
            yield "block";
            3
        };
        let later = async move { yield format!("async {length}") };
        later.await;
        #[cfg(all())]
        yield "attribute";
        #[cfg(any())]
        yield "no attribute";
        yield match length {
            3 => "match",
            _ => "other",
        };
        macro_rules! twice {
            ($value:expr) => {
                yield $value;
                emit!($value);
            };
        }
        twice!("twice");
        let mut inner: EventStream<Tick> = sse! { yield Tick(7) };
        while let Some(Tick(number)) = inner.next().await {
            yield format!("inner {number}");
        }
        let r#yield = |yield_text: &str| yield_text.to_owned();
        yield r#yield("yield");
        yield sse
    };
    stream.collect().await
}

/// A block as one of the futures of a `select!`.
async fn raced() -> Option<Event> {
    let mut stream: EventStream = sse! { yield "first" };
    tokio::select! {
        event = stream.next() => event,
        event = async { (sse! { yield "second"; std::future::pending::<()>().await }).skip(1).next().await } => event,
    }
}

/// A block in a handler: each has its own `emit!`.
#[sse_handler]
async fn around() {
    emit!("before");
    let mut inner: EventStream<Tick> = sse! { yield Tick(1); emit!(Tick(2)); };
    while let Some(Tick(number)) = inner.next().await {
        emit!(format!("inner {number}"));
    }
}

fn generic<T: IntoEvent + Send + 'static>(event: T) -> EventStream<T> {
    sse! { yield event }
}

/// A block that a macro generates, with parts from the macro and from its caller.
macro_rules! stream_of {
    ($($value:expr),* ; $($last:tt)*) => {
        sse! {
            $(yield $value;)*
            emit!("macro");
            $($last)*
        }
    };
}

fn texts(events: Vec<Event>) -> Vec<String> {
    events.iter().map(|event| event.as_data().unwrap_or_default().to_owned()).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn main() {
    let router: Router = Router::new().mount(routes![report]);
    let router: axum::Router = axum::Router::new()
        .route("/typed", axum::routing::get(|| typed(3)))
        .route(
            "/block",
            axum::routing::get(|| async {
                sse! { yield "axum" }
            }),
        )
        .fallback_service(router);
    drop((router, opaque()));
    run(async {
        assert_eq!(typed(4).await.collect::<Vec<_>>().await, [Tick(4), Tick(5), Tick(6)]);
        assert_eq!(fallible("7").await.unwrap().collect::<Vec<_>>().await, [Tick(7)]);
        assert!(fallible("x").await.is_err());
        let (strings, events) = pair();
        assert_eq!((strings.count().await, texts(events.collect().await)), (1, vec!["event".into(), "event".into()]));
        assert_eq!(
            texts(anywhere().await),
            [
                "received",
                "select",
                "left",
                "right",
                "1",
                "if",
                "block",
                "async 3",
                "attribute",
                "match",
                "twice",
                "twice",
                "inner 7",
                "yield",
                "a variable of this name",
            ]
        );
        assert_eq!(texts(around().await.collect().await), ["before", "inner 1", "inner 2"]);
        assert_eq!(generic(Tick(5)).collect::<Vec<_>>().await, [Tick(5)]);
        assert_eq!(raced().await.unwrap().as_data(), Some("first"));
        let stream: EventStream = stream_of!("a", "b"; yield "c"; emit!("d"));
        assert_eq!(texts(stream.collect().await), ["a", "b", "macro", "c", "d"]);
    });
}
