//! For `#[sse_handler]`: what a body hands over, and what it can end with.

use crate::event::Event;
use crate::stream::Emitter;

/// What a typed `emit!` was given, where only the emitter knows the type.
pub const fn item<T>(_: &Emitter<T>, event: T) -> T {
    event
}

/// What an untyped `emit!` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emitted here",
    label = "neither text nor an `Event`",
    note = "if `{Self}` is `IntoEvent`, write the return type: `-> EventStream<{Self}>`",
    note = "to emit any other value, convert it to an event: `Event::json(&value)?` or `Event::data(value.to_string())`",
    note = "to emit the value of a `Result`, add a `?`"
)]
pub trait Emittable {
    fn into_event(self) -> Event;
}

#[diagnostic::do_not_recommend]
impl<V: Into<Event>> Emittable for V {
    fn into_event(self) -> Event {
        self.into()
    }
}

/// What an untyped `emit!` was given, as an event.
pub fn event<V: Emittable>(value: V) -> Event {
    value.into_event()
}

/// What the body of a handler can end with.
#[diagnostic::on_unimplemented(
    message = "the body of this handler ends with `{Self}`",
    label = "expected nothing, `Ok(())`, or an `Err` of the handler's error type",
    note = "events are emitted with `emit!(…)`"
)]
pub trait Finish<Done> {
    fn finish(self) -> Done;
}

// Where the return type is an alias, nobody but the compiler knows that the body cannot fail.
#[diagnostic::do_not_recommend]
impl Finish<()> for () {
    fn finish(self) {}
}

#[diagnostic::do_not_recommend]
impl<E> Finish<Result<(), E>> for () {
    fn finish(self) -> Result<(), E> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E> Finish<Result<(), E>> for Result<(), E> {
    fn finish(self) -> Self {
        self
    }
}

/// A body that never ends, such as a `loop`. The type `!` cannot be named here, but what a
/// function pointer returns can be.
#[diagnostic::do_not_recommend]
impl<E> Finish<Result<(), E>> for <fn() -> ! as Returned>::Output {
    fn finish(self) -> Result<(), E> {
        self
    }
}

/// What a function pointer returns.
pub trait Returned {
    type Output;
}

impl<T> Returned for fn() -> T {
    type Output = T;
}

/// The end of a body, as its stream takes it.
pub fn finish<Done, V: Finish<Done>>(value: V) -> Done {
    value.finish()
}
