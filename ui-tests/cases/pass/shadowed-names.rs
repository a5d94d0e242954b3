//! Names of the user do not conflict with those of the expansion.

#![allow(dead_code, non_camel_case_types, unused_macros)]

use futures_util::StreamExt;
use touka::{Event, EventStream, contract, routes};

mod core {}
mod std {}
mod http {}
mod touka_private {}

struct Option;
struct Result;
struct Ok;
struct Err;
struct S;
struct M;
struct Clone;
trait Into {}
fn drop() {}

macro_rules! emit {
    ($($any:tt)*) => {
        compile_error!("the wrong emit!")
    };
}

macro_rules! compile_error_of_mine {
    () => {};
}

#[touka::route(GET, "/{request}/{state}/{parts}/{body}/{value}/{event}/{answer}/{done}")]
#[touka::sse_handler]
async fn clock(
    request: String,
    state: String,
    parts: u8,
    body: u8,
    value: u8,
    event: u8,
    answer: u8,
    done: u8,
    touka::extract::State(app): touka::extract::State<u8>,
) {
    let (emitter, refused, start) = (1, 2, 3);
    emit!(format!("{request}{state}{parts}{body}{value}{event}{answer}{done}{app}{emitter}{refused}{start}"));
}

mod inner {
    /// A handler with the name of a variable of the expansion.
    #[touka::route(GET, "/request")]
    pub async fn request(state: String) -> String {
        state
    }

    #[touka::route(GET, "/S")]
    #[touka::sse_handler]
    pub async fn emit(word: touka::extract::LastEventId) {
        let _ = word;
        emit!("own");
    }
}

mod constants {
    #![allow(non_upper_case_globals)]

    const events: u8 = 0;
    const operation: u8 = 0;

    #[derive(touka::IntoEvent)]
    pub struct Tick(u8);

    #[touka::route(GET, "/ticks")]
    pub async fn ticks() -> touka::EventStream<Tick> {
        touka::EventStream::generate(|_| async {})
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _: touka::Router = touka::Router::new().mount(routes![clock, inner::request, inner::emit]).with_state(1);
    let _: touka::Router = touka::Router::new().mount(contract![constants::ticks]);
    let stream: EventStream = clock("a".into(), "b".into(), 1, 2, 3, 4, 5, 6, touka::extract::State(7)).await;
    let events: Vec<Event> = stream.collect().await;
    assert_eq!(events[0].as_data(), Some("ab1234567123"));
}
