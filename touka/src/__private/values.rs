//! For `#[sse_handler]`: the options whose values are expressions. Each function has the name of its option, and the
//! compiler says with it what the option takes.

use std::future::Future;
use std::pin::Pin;

use crate::event::Event;
use crate::stream::Deadline;

pub fn close_at(moment: impl Into<Deadline>) -> Deadline {
    moment.into()
}

// The type that comes back does not depend on what was given: that would be more errors for a value that is no future.
// rustc quotes the line of the bound that was not met, so a remedy stands beside it.
pub fn close_when<F>(future: F) -> Pin<Box<dyn Future<Output = ()> + Send>>
where
    F: Future<Output = ()> + Send + 'static, // it owns what it needs: clone that, and use `async move`
{
    Box::pin(future)
}

pub fn expired_event(event: impl Into<Event>) -> Event {
    event.into()
}

pub fn label(label: impl Into<Box<str>>) -> Box<str> {
    label.into()
}
