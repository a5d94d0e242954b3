//! Support for `sse!`: the block as a stream, and its emits.

use crate::event::{Event, IntoEvent};
use crate::stream::{Emitter, EventStream};

/// Selects the event type of an `sse!` block: that of the place where it stands, else `Event`.
///
/// A type parameter of a function has no default, but an integer literal has: it is an `i32` unless another
/// type is required. Here only `Event` goes with `i32`, and every type with `u8`. So a place that requires an
/// `EventStream<Tick>` makes the literal a `u8`. Where none is required, the literal falls back to `i32`, and
/// the stream is one of `Event`s.
pub trait Choice<T> {}

impl Choice<Event> for i32 {}

impl<T> Choice<T> for u8 {}

/// Creates the stream of an `sse!` block.
pub fn block<T, C, B>(_: C, body: impl FnOnce(Emitter<T>) -> B) -> EventStream<T>
where
    T: IntoEvent + Send + 'static,
    C: Choice<T>,
    // rustc quotes the next line if the bound is not met, so the remedy is on it.
    B: Future<Output = ()> + Send + 'static, // drop locks and what is not `Send` before an emit
{
    EventStream::generate(body)
}

/// A value that an `sse!` block can emit.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emitted into an `EventStream<{T}>`",
    label = "not the event type of this stream",
    note = "to emit values of a type that is `IntoEvent`, give the stream that type, as in `let stream: EventStream<Tick> = sse! {{ … }};`",
    note = "without a type, an `sse!` block takes text and `Event`s: convert the value, as in `Event::data(value.to_string())`"
)]
pub trait Emitted<T> {
    fn emitted(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<V: Into<T>, T> Emitted<T> for V {
    fn emitted(self) -> T {
        self.into()
    }
}

/// Converts an emitted value to the type of the stream.
pub fn emitted<T, V: Emitted<T>>(_: &Emitter<T>, value: V) -> T {
    value.emitted()
}
