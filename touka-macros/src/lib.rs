//! The macros of touka. Use them through the `touka` crate, which re-exports them.
//!
//! A door here holds documentation and one call. The work is done in stages, each in a file that
//! uses only those before it: `keyword → diagnostics → renamed → runtime → query → path → args →
//! duration → options → model → placeholders → check → yields → infallible → fallback → expand →
//! door`.

mod args;
mod check;
mod derive;
mod diagnostics;
mod door;
mod duration;
mod expand;
mod fallback;
mod infallible;
mod keyword;
mod model;
mod options;
mod path;
mod placeholders;
mod query;
mod renamed;
mod runtime;
mod yields;

#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;

/// Turns an `async fn` that emits events into one that returns an event stream.
///
/// ```
/// use std::time::Duration;
/// use touka::{Event, sse_handler};
///
/// /// The server's clock, once a second.
/// #[sse_handler]
/// async fn clock() {
///     for tick in 0u64.. {
///         emit!(Event::data(format!("tick {tick}")).id(tick));
///         tokio::time::sleep(Duration::from_secs(1)).await;
///     }
/// }
/// ```
///
/// # Grammar
/// ```text
/// #[sse_handler]
/// #[sse_handler(option, option = value, …)]
/// ```
///
/// | option | value | what it does |
/// |---|---|---|
/// | `callback` | | the body is called again and again; see the modes below |
/// | `channel` | the queue's length | the body runs on a task of its own; see below |
/// | `keep_alive` | duration, or `off` | the silence after which a comment is sent; 15 s |
/// | `whole_blocks` | | a blank line after each comment and `retry`, for clients that look at the first line of a block only |
/// | `retry` | duration | the reconnection time, sent when the stream opens, give or take a fifth |
/// | `open_after` | duration | how long a handler that can fail holds the head; 1 s |
/// | `end` | text | the name and id of an event that marks the normal end; see below |
/// | `max_lifetime` | duration | the longest that a stream lives, give or take a tenth |
/// | `close_at` | expression: `impl Into<Deadline>` | the moment at which the stream ends, exactly; see below |
/// | `close_when` | expression: a future | the stream ends when it is ready |
/// | `expired_event` | expression: `impl Into<Event>` | the last event when one of those two ends the stream; `expired` |
/// | `label` | expression: `impl Into<Box<str>>` | what `OpenStream::label` calls the stream |
/// | `write_timeout` | duration | the longest that a client takes nothing; 30 s; only touka's own server enforces it |
/// | `on_error` | path of a `fn(E) -> Event` | makes the last event of an error that comes too late for a status |
/// | `on_close` | path of a `fn(CloseReason)` | is called once when the stream is gone |
/// | `crate` | path | where the expansion finds touka, for a crate that has it under another name; `#[route]` needs it too |
///
/// A duration is whole numbers with units, in quotes: `"15s"`, `"250ms"`, `"1h30m"`. All but the
/// first two and the last are methods of the same name on `EventStream`, or on the `Opening` of a
/// stream that can fail.
///
/// # Semantics
/// The body is an ordinary async body with one more word, `emit!(value)`: it hands one event to the
/// client and waits until the connection has taken it. The event leaves before the code after the
/// emit runs, which may block or compute; only the events of a body that emits many in quick
/// succession share frames. It works wherever `.await` does: in loops, nested blocks, `select!`,
/// closures that return async blocks. The body is pasted as it stands:
/// `?`, borrows and line numbers are those of the source.
///
/// What is written as the return type is what a caller gets:
///
/// | written | `emit!` takes | the body ends with |
/// |---|---|---|
/// | nothing, or `-> EventStream` | whatever is `Into<Event>` | nothing |
/// | `-> EventStream<T>` | a `T`, which is `IntoEvent` | nothing |
/// | `-> Result<EventStream<T>, E>` | as above | nothing or `Ok(())`; `?` works, `E` is an axum `IntoResponse` |
///
/// An alias of these works as well; behind an alias without `<T>`, `emit!` takes `Event`s only.
///
/// ```
/// use http::StatusCode;
/// use touka::{EventStream, sse_handler};
///
/// #[sse_handler]
/// async fn countdown(from: String) -> Result<EventStream<String>, StatusCode> {
///     // Nothing was emitted yet, so this is the status of the response.
///     let from: u32 = from.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
///     for left in (0..=from).rev() {
///         emit!(left.to_string());
///     }
/// }
///
/// # use futures_util::StreamExt;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// // The handler is a function: a test calls it and reads the stream.
/// let events: Vec<String> = countdown("2".to_owned()).await.unwrap().collect().await;
/// assert_eq!(events, ["2", "1", "0"]);
/// assert_eq!(countdown("x".to_owned()).await.unwrap_err(), StatusCode::BAD_REQUEST);
/// # });
/// ```
///
/// Every parameter moves into the stream and lives as long as it, also one that the body never
/// mentions. A parameter of type `Emitter<T>` (or `&Emitter<T>`) receives the emitter, to hand to
/// other functions; callers do not see it:
///
/// ```
/// use touka::{Emitter, sse_handler};
///
/// async fn greeting(out: &Emitter) {
///     out.emit("hello").await;
/// }
///
/// #[sse_handler]
/// async fn greet(name: String, out: &Emitter) {
///     greeting(out).await;
///     emit!(name);
/// }
///
/// # drop(greet("you".to_owned()));
/// ```
///
/// # Modes
/// The default is a generator: the body runs inside the connection, waits at each emit until it was
/// taken, and is dropped when the client leaves.
///
/// With `callback`, the function is called again and again until it returns `false`. It writes to
/// an `EventWriter`. Its parameters live as long as the stream, and keep what a call leaves in them:
///
/// ```
/// use touka::{EventWriter, sse_handler};
///
/// #[sse_handler(callback)]
/// async fn countdown(mut left: u32, out: &mut EventWriter) -> bool {
///     out.write(left.to_string()).await;
///     left -= 1;
///     left > 0
/// }
///
/// # use futures_util::StreamExt;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(countdown(3).await.count().await, 3);
/// # });
/// ```
///
/// The written return type is the loop's, `bool` or `Result<bool, E>`; the caller gets an
/// `EventStream`, typed as the `EventWriter` is.
///
/// With `channel = N`, the body runs on a task of its own and sends into a queue of that length: for
/// several sources, and for producers that must not wait for the socket. The task is aborted when
/// the client leaves. A plain `fn` runs on a thread of its own instead, one of 512 in a process, and
/// ends at its next send; a shutdown does not wait for it:
///
/// ```
/// use touka::{EventSender, sse_handler};
///
/// #[sse_handler(channel = 32)]
/// fn lines(path: String, events: EventSender) {
///     for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
///         if events.blocking_send(line).is_err() {
///             return; // the client has left
///         }
///     }
/// }
/// ```
///
/// # The end of a finite stream
/// A browser takes the end of a response for an accident and comes back. With `end = "done"` the last
/// thing it gets is `event: done` with the id `done`, and when it comes back with that id, `#[route]`
/// answers 204, which tells it to stop; the body does not run. In an axum route,
/// `LastEventId::ended("done")` tells.
///
/// A client that is cut off between the last event and the end comes back with the id of that event.
/// The body runs, and must return without an error: the client gets the end. The documentation of
/// `EventStream::end` says how.
///
/// # The end with a credential
/// The values of `close_at`, `close_when`, `expired_event` and `label` are expressions of the request. They are
/// evaluated when the function is called, before the body gets the parameters:
///
/// ```
/// use std::time::SystemTime;
/// use touka::extract::State;
/// use touka::sse_handler;
///
/// # struct App;
/// # impl App {
/// #     fn revoked(&self, user: u64) -> impl Future<Output = ()> + Send + 'static { std::future::pending() }
/// # }
/// struct Claims {
///     user: u64,
///     expires: SystemTime,
/// }
///
/// #[sse_handler(
///     close_at = claims.expires,
///     close_when = app.revoked(claims.user),
///     label = format!("user {}", claims.user),
/// )]
/// async fn prices(claims: Claims, State(app): State<App>) {
///     emit!("120");
/// }
/// # drop(prices(Claims { user: 7, expires: SystemTime::now() }, State(App)));
/// ```
///
/// - A parameter that is a name is there as it is. A value that moves it away leaves nothing for the body: write
///   `label = name.clone()`, or `label = name.as_str()`.
/// - The names of a pattern, `app` above, are references.
/// - The future of `close_when` owns what it needs: it lives as long as the stream.
/// - `.await` works in a value, and so does `?` where the handler returns a `Result`.
///
/// `recheck` is a method of `EventStream` only. The documentation of `EventStream::close_at` has the rest.
///
/// # What it generates
/// The function, with the return type written out, and nothing beside it. For `clock` above,
/// shortened by the paths and `#[allow]`s:
///
/// ```text
/// async fn clock() -> touka::EventStream {
///     <touka::EventStream as Returns>::start(move |hand| async move {
///         if false { let done: () = unreachable!(); return done; }  // types every `return`
///         let hand = &hand;
///         macro_rules! emit {
///             ($event:expr $(,)?) => {{ let event = event($event); _ = hand.emit(event).await; }};
///             // …and two arms that explain themselves
///         }
///         let value: () = { /* the body, word for word */ };
///         return value;
///     })
///     .await
/// }
/// ```
/// `hand` and `value` are hygienic: the body cannot name them. Settings become calls on the stream:
/// `Returns::configure(…, |stream| stream.retry(…))`. Values that are expressions are variables before that.
///
/// # Limits
/// - `yield` is refused by the compiler in every function that has an attribute: write `emit!(…)`.
/// - The body outlives the call, so no parameter can borrow: `self`, `self: Arc<Self>` and owned
///   values are fine, `&self` and `&str` are not. A type parameter needs `Send + 'static`.
/// - The body is polled by the connection and moves between threads: what it holds across an emit
///   is `Send`.
/// - `emit!` borrows the emitter, so it does not work in a spawned task or in a nested `fn`: take an
///   `Emitter` and give the task a clone of it.
#[proc_macro_attribute]
pub fn sse_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    door::sse_handler(args.into(), &item.into()).into()
}

/// Gives an `async fn` a method and a path, for `routes!` to collect.
///
/// ```
/// use touka::{Router, route, routes, sse_handler};
///
/// #[sse_handler]
/// #[route(GET, "/rooms/{room}/countdown/{from}")]
/// async fn countdown(room: String, from: u32) {
///     for left in (0..=from).rev() {
///         emit!(format!("{room}: {left}"));
///     }
/// }
///
/// /// `/log?level=3&tag=db&tag=http`
/// #[route(GET, "/log?{level}&{since}&{tag}")]
/// async fn log(level: u8, since: Option<u64>, tag: Vec<String>) -> String {
///     format!("{level} {since:?} {tag:?}")
/// }
///
/// #[route(GET, "/health")]
/// async fn health() -> &'static str {
///     "fine"
/// }
///
/// let router: Router = Router::new().mount(routes![countdown, log, health]);
/// ```
///
/// # Grammar
/// ```text
/// #[route(METHOD, "/path/{capture}/{*rest}?{name}&{name}")]
/// #[route(METHOD, "/path", crate = path::to::touka)]
///
/// METHOD: CONNECT | DELETE | GET | HEAD | OPTIONS | PATCH | POST | PUT | TRACE
/// ```
/// The path is the router's own syntax: `{capture}` takes one part of it or a piece of one,
/// `{*rest}` all that follows, `{{` and `}}` are braces. After a `?` stand names of the query,
/// separated by `&`. All of them are identifiers, and no two are the same. `crate` is that of
/// `#[sse_handler]`.
///
/// # Semantics
/// - A parameter named like a capture is made of its text by `FromStr`; text that it refuses is
///   answered with 400 and a line that names the parameter and the reason.
/// - A parameter named like a name of the query is made of the query, whose names and values are
///   decoded as those of a form:
///
///   | written | the query has it not | once | more than once |
///   |---|---|---|---|
///   | `T` | 400 | the value | 400 |
///   | `Option<T>` | `None` | `Some` of the value | 400 |
///   | `Vec<T>` | empty | one value | all of them, in their order |
///
///   `T` is `FromStr`, and text that it refuses is 400 in each row: `/log?since=` is not
///   `/log` without `since`. The order of the query does not matter, and other names in it are
///   nobody's concern. By hand it is read with `touka::extract::QueryParams`.
/// - Captures and names are read first, in the order of the parameters.
/// - Every other parameter is an axum extractor: `FromRequestParts<S>`, and for the last of them
///   also `FromRequest<S>`, where `S` is the router's state.
/// - The function answers with anything that is an axum `IntoResponse`; `#[sse_handler]` beside it,
///   above or below, makes that a stream.
///
/// # What it generates
/// The function as it is, callable and testable, and a hidden type of the same name, which makes the
/// route. Functions and types do not share names, so one `use` brings both. For `health` above,
/// shortened by the paths and `#[allow]`s:
///
/// ```text
/// async fn health() -> &'static str { "fine" }
///
/// struct health {}
/// impl health {
///     pub fn __touka_route<S>() -> Route<S> where S: AnyState {
///         Route::new(Method::GET, "/health", |request, state: S| async move {
///             // one `let` for each parameter, from `request` and `state`
///             let answer = health().await;
///             respond(answer)
///         })
///         .named(concat!(module_path!(), "::", "health"))
///     }
/// }
/// ```
///
/// # Limits
/// - It goes on free functions. In an `impl` there is no place for the type: the compiler says that
///   a struct is not supported there.
/// - The function is not generic, and no other type in its module has its name.
/// - A parameter cannot be `#[cfg(…)]`.
/// - A name of the query that is no identifier, such as `page-size`, needs the extractor
///   `touka::extract::Query` and serde's `rename`.
/// - The query does not choose the route: two functions cannot share a method and a path.
/// - Whether a parameter is an extractor depends on the router's state, so that mistake is reported
///   where `routes!` names the function, with a note at the parameter.
#[proc_macro_attribute]
pub fn route(args: TokenStream, item: TokenStream) -> TokenStream {
    door::route(args.into(), &item.into()).into()
}

/// # Grammar
///
/// ```text
/// on an enum             #[event(rename_all = "CASE", read, crate = PATH)]
/// on a struct            #[event(name = "NAME", data = "DATA", read, crate = PATH)]
/// on a variant           #[event(name = "NAME", data = "DATA")]
/// on a field             #[event(id)]   #[event(retry)]
///
/// CASE  lowercase | UPPERCASE | PascalCase | camelCase | snake_case | SCREAMING_SNAKE_CASE
///       | kebab-case | SCREAMING-KEBAB-CASE
/// DATA  json | text
/// ```
///
/// # The event's name
///
/// The name of the variant, or of the struct, in kebab-case, unless `rename_all` or `name` says
/// otherwise. As in serde, each capital begins a word: `HTTPError` is `h-t-t-p-error`.
///
/// - `message` is what clients call an event without a name, so the line is left out.
/// - Two variants have two names; any number may be `message`.
/// - `EventSource` fires `open` and `error` itself. A name that would come out as one of these is
///   refused unless `name` spells it.
/// - A name that would break the wire does not compile.
///
/// # The data
///
/// | fields | data |
/// |---|---|
/// | none, no braces | empty, so that the event fires |
/// | one, without a name | the JSON of that field |
/// | several, without names | a JSON array |
/// | in braces | a JSON object |
/// | one, with `data = "text"` | what its `Display` writes, a `data` line for each line |
///
/// Fields that are the id or the reconnection time are not counted and not in the data: the client
/// has them as `lastEventId` and knows what to do with the other.
///
/// `#[serde(…)]` attributes of the fields mean what they mean to serde: `rename`, `skip`,
/// `skip_serializing_if`, `serialize_with`, `with`, `flatten` and the rest. So do those of a struct,
/// and of an enum those that speak of its fields: `rename_all_fields`, `bound`, and on a variant
/// `rename_all`, `with`, `serialize_with`. How an enum is tagged (`tag`, `untagged`, a variant's
/// `rename` or `skip`) is for others who read the type: here the event's name tells. A type can be
/// `Serialize` as well.
///
/// # The id and the reconnection time
///
/// `#[event(id)]` takes a number, a `String`, an `EventId`, anything that is `Display`.
/// `#[event(retry)]` takes a `Duration`. An `Option` (written so) of either leaves the line out when it is
/// `None`.
///
/// # Reading
///
/// With `#[event(read)]` on the type, `IntoEvent::from_event` makes a value of an event again, and a
/// `Topic` of the type gives values to whoever reads its stream in the process. What is JSON must be
/// serde's `Deserialize`, and what is text or an id `FromStr`. Serde's attributes mean for reading what
/// they mean to serde: a field that is left out when it is written needs `default`.
///
/// A topic gives each event its position as the id. An `#[event(id)]` field that is to come back from a
/// topic takes any id, as an `EventId` does, and what it was before belongs into the data.
///
/// # What is generated
///
/// An `IntoEvent` whose `encode_into` writes straight into the connection's buffer: no `Event` and
/// no `String` in between. `into_event` makes the same event as a value. For JSON of more than one
/// field there is also a hidden copy of the type on which serde's own derive works. A type parameter
/// that is in the data must be `Serialize`, one in text or in an id `Display`; serde's `bound`
/// replaces the former.
///
/// Nothing panics. A value that cannot be serialised, and an id that would break the wire, is an
/// error, which ends its stream with an `error` event and leaves nothing of itself behind.
///
/// # Limits
///
/// - Text is one field. For more, implement `IntoEvent` by hand.
/// - In an enum, serde's attributes do not reach the only unnamed payload beside an id: name the
///   fields.
/// - Unions cannot be sent.
/// - `read` is for types without parameters whose events have different names. It does not know `default`,
///   `from`, `try_from` and `into` on a struct, nor `with` and `serialize_with` on a variant.
#[proc_macro_derive(IntoEvent, attributes(event, serde))]
pub fn into_event(item: TokenStream) -> TokenStream {
    derive::into_event(item.into()).into()
}

/// What `touka::sse!` calls, with the crate that it belongs to in front of the body. The
/// documentation is there.
#[doc(hidden)]
#[proc_macro]
pub fn __sse(input: TokenStream) -> TokenStream {
    let mut tokens = proc_macro2::TokenStream::from(input).into_iter();
    let krate = tokens.next().into_iter().collect();
    door::sse(krate, tokens.collect()).into()
}
