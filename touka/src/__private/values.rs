//! Support for `#[sse_handler]`: the options whose values are expressions. Each function is named after its
//! option, so compile errors say which option takes what.

use std::future::Future;
use std::pin::Pin;

use axum_core::response::IntoResponseParts;

use crate::event::Event;
use crate::response::Head;
use crate::stream::Deadline;

pub fn close_at(moment: impl Into<Deadline>) -> Deadline {
    moment.into()
}

// The return type does not depend on the argument: a dependent one would cause more errors for a value that
// is not a future. rustc quotes the line of a bound that is not met, so the remedy is beside it.
pub fn close_when<F>(future: F) -> Pin<Box<dyn Future<Output = ()> + Send>>
where
    F: Future<Output = ()> + Send + 'static, // it owns what it needs: clone that, and use `async move`
{
    Box::pin(future)
}

pub fn expired_event(event: impl Into<Event>) -> Event {
    event.into()
}

// Makes the parts into headers at once: they may borrow from parameters, which then move into the body.
pub fn head<P>(parts: P) -> Head
where
    P: IntoResponseParts, // such as `[("x-trace", trace.clone())]`, a `HeaderMap` or a tuple of these
{
    Head::of(parts)
}

pub fn label(label: impl Into<Box<str>>) -> Box<str> {
    label.into()
}
