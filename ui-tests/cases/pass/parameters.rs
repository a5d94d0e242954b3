//! Parameters of any form: `mut`, patterns, raw identifiers, `self`, generics, the emitter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use touka::extract::State;
use touka::routing::Route;
use touka::{Emitter, Event, EventStream, IntoEvent, Router, route, routes, sse_handler};

#[derive(Clone)]
struct App(u32);

#[derive(Clone)]
struct Name(&'static str);

#[sse_handler]
async fn mutable(mut left: u32) {
    while left > 0 {
        left -= 1;
        emit!(format!("{left}"));
    }
}

#[sse_handler]
async fn patterns(State(App(count)): State<App>, State(Name(name)): State<Name>, (a, _): (u32, u32), _: u8) {
    emit!(format!("{count} {name} {a}"));
}

#[sse_handler]
async fn two_of_a_kind(State(a): State<App>, State(mut b): State<App>, state: u32) {
    b.0 += a.0 + state;
    emit!(b.0.to_string());
}

#[route(GET, "/{type}/{match}")]
#[sse_handler]
async fn r#loop(r#type: String, r#match: u32) {
    emit!(format!("{type} {match}", type = r#type, match = r#match));
}

#[sse_handler]
async fn with_emitter(out: Emitter<String>, word: String) -> EventStream<String> {
    let helper = out.clone();
    helper.emit("helper").await;
    emit!(word);
}

#[sse_handler]
async fn with_borrowed_emitter(out: &Emitter) {
    out.emit("helper").await;
    emit!("own");
}

#[sse_handler]
async fn static_text(name: &'static str, make: impl Fn(&str) -> String + Send + Sync + 'static) {
    emit!(make(name));
}

#[sse_handler]
async fn generic<T, const N: usize>(items: [T; N]) -> EventStream<T>
where
    T: IntoEvent + Send + Sync + 'static,
{
    for item in items {
        emit!(item);
    }
}

struct Clock(u32);

impl Clock {
    #[sse_handler]
    async fn by_value(self) {
        emit!(self.0.to_string());
    }

    #[sse_handler]
    async fn shared(self: Arc<Self>, times: u32) -> EventStream {
        for _ in 0..times {
            emit!(self.0.to_string());
        }
    }

    #[sse_handler]
    async fn without_self(Self(number): Self) {
        emit!(number.to_string());
    }
}

struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[sse_handler]
async fn holds(_guard: Guard, _: Guard) {
    emit!("first");
    emit!("second");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _: Router = Router::new().mount(routes![r#loop]);
    let [route]: [Route; 1] = routes![r#loop];
    assert_eq!(route.path(), "/{type}/{match}");
    assert_eq!(mutable(3).await.count().await, 3);
    let event: Event = patterns(State(App(1)), State(Name("x")), (2, 3), 4).await.next().await.unwrap();
    assert_eq!(event.as_data(), Some("1 x 2"));
    let event = two_of_a_kind(State(App(1)), State(App(2)), 3).await.next().await.unwrap();
    assert_eq!(event.as_data(), Some("6"));
    assert_eq!(r#loop("a".to_owned(), 1).await.next().await.unwrap().as_data(), Some("a 1"));
    assert_eq!(with_emitter("x".to_owned()).await.count().await, 2);
    assert_eq!(with_borrowed_emitter().await.count().await, 2);
    assert_eq!(static_text("x", str::to_owned).await.count().await, 1);
    assert_eq!(generic(["a", "b"]).await.count().await, 2);
    assert_eq!(Clock(1).by_value().await.count().await, 1);
    assert_eq!(Arc::new(Clock(1)).shared(2).await.count().await, 2);
    assert_eq!(Clock::without_self(Clock(1)).await.count().await, 1);

    // A parameter that the body does not use lives as long as the stream.
    let (named, unnamed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let mut stream = holds(Guard(Arc::clone(&named)), Guard(Arc::clone(&unnamed))).await;
    assert!(stream.next().await.is_some());
    assert!(!named.load(Ordering::Relaxed));
    assert!(stream.next().await.is_some());
    assert!(stream.next().await.is_none());
    assert!(named.load(Ordering::Relaxed) && unnamed.load(Ordering::Relaxed));
}
