//! For `#[sse_handler]`: the options whose values are expressions. Each function has the name of its option, and the
//! compiler says with it what the option takes.

use std::future::Future;

use crate::event::Event;
use crate::stream::Deadline;

pub fn close_at(moment: impl Into<Deadline>) -> Deadline {
    moment.into()
}

pub const fn close_when<F: Future<Output = ()> + Send + 'static>(future: F) -> F {
    future
}

pub fn expired_event(event: impl Into<Event>) -> Event {
    event.into()
}

pub fn label(label: impl Into<Box<str>>) -> Box<str> {
    label.into()
}
