//! `#[derive(IntoEvent)]`: the wire form of each kind of type.

mod agreement;
mod errors;
mod forms;
mod generics;
mod ids;
mod serde_attributes;

use bytes::BytesMut;
use serde::Serialize;
use touka::IntoEvent;

/// The wire form of a value, which must be that of its event.
#[track_caller]
fn wire<T: IntoEvent + Clone>(value: &T) -> String {
    wire_of(|| value.clone())
}

/// The wire form of a value whose type has no `Clone`.
#[track_caller]
fn wire_of<T: IntoEvent>(value: impl Fn() -> T) -> String {
    let mut straight = BytesMut::from("data: before\n\n");
    value().encode_into(&mut straight).expect("encodable");
    let mut by_event = BytesMut::from("data: before\n\n");
    value().into_event().expect("encodable").encode(&mut by_event);
    assert_eq!(straight, by_event);
    let text = String::from_utf8(straight.to_vec()).expect("UTF-8");
    text.strip_prefix("data: before\n\n").expect("earlier bytes stay").to_owned()
}

/// The error of a value that cannot be sent: it fails in both ways, and writes nothing.
#[track_caller]
fn refused<T: IntoEvent + Clone>(value: &T) -> touka::Error {
    let mut buf = BytesMut::from("data: before\n\n");
    value.clone().encode_into(&mut buf).expect_err("not encodable");
    assert_eq!(buf, "data: before\n\n");
    value.clone().into_event().expect_err("not encodable")
}

#[derive(Clone, Serialize)]
struct Usage {
    input: u32,
    output: u32,
}
