//! Generated code does not depend on the user's scope.
#![no_implicit_prelude]
#![allow(dead_code)]

struct Result;
struct Option;
struct Event;
struct Encoder;
struct String;
struct Some;

mod core {}
mod std {}
mod serde {}
mod bytes {}

#[derive(::touka::IntoEvent)]
enum Chat<Sink> {
    Lone(Sink),
    Named {
        #[event(id)]
        id: ::std::option::Option<u64>,
        value: u8,
    },
    Unit,
}

fn main() {
    let event = ::touka::IntoEvent::into_event(Chat::<u8>::Named { id: ::std::option::Option::Some(1), value: 2 });
    ::std::assert!(event.is_ok());
}
