//! For `sse!`: the block as a stream, and what it hands over.

use crate::event::{Event, IntoEvent};
use crate::stream::{Emitter, EventStream};

/// Chooses the event type of an `sse!` block: that of the place where it stands, else `Event`.
///
/// A type parameter of a function has no default, but an integer literal has: it is an `i32` unless
/// something wants another type. Here nothing but an `Event` goes with an `i32`, and everything
/// with a `u8`. So a place that asks for an `EventStream<Tick>` makes the literal a `u8`, and where
/// none asks, the literal becomes an `i32` in the end, and the stream one of `Event`s.
pub trait Choice<T> {}

impl Choice<Event> for i32 {}

impl<T> Choice<T> for u8 {}

/// The stream of an `sse!` block.
pub fn block<T, C, B>(_: C, body: impl FnOnce(Emitter<T>) -> B) -> EventStream<T>
where
    T: IntoEvent + Send + 'static,
    C: Choice<T>,
    // rustc quotes the next line where it is not met.
    B: Future<Output = ()> + Send + 'static, // drop locks and what is not `Send` before an emit
{
    EventStream::generate(body)
}

/// What an `sse!` block can emit.
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

/// What an `sse!` block emits, as its stream takes it.
pub fn emitted<T, V: Emitted<T>>(_: &Emitter<T>, value: V) -> T {
    value.emitted()
}
