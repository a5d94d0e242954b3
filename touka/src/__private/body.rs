//! Support for `#[sse_handler]`: the values that a body emits, and those that it can end with.

use crate::event::Event;
use crate::stream::Emitter;

/// Returns the argument of a typed `emit!`. Only the emitter knows the type.
pub const fn item<T>(_: &Emitter<T>, event: T) -> T {
    event
}

/// A value that an untyped `emit!` takes.
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

/// Converts the argument of an untyped `emit!` to an event.
pub fn event<V: Emittable>(value: V) -> Event {
    value.into_event()
}

/// A value that the body of a handler can end with.
#[diagnostic::on_unimplemented(
    message = "the body of this handler ends with `{Self}`",
    label = "expected nothing, `Ok(())`, or an `Err` of the handler's error type",
    note = "events are emitted with `emit!(…)`"
)]
pub trait Finish<Done> {
    fn finish(self) -> Done;
}

// If the return type is an alias, the macro cannot see whether the body can fail, but the compiler can.
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

/// A body that never ends, such as a `loop`. The type `!` has no stable name, but is the return type of a
/// function pointer.
#[diagnostic::do_not_recommend]
impl<E> Finish<Result<(), E>> for <fn() -> ! as Returned>::Output {
    fn finish(self) -> Result<(), E> {
        self
    }
}

/// Names the return type of a function pointer.
pub trait Returned {
    type Output;
}

impl<T> Returned for fn() -> T {
    type Output = T;
}

/// Converts the end of a body to the result that its stream takes.
pub fn finish<Done, V: Finish<Done>>(value: V) -> Done {
    value.finish()
}
