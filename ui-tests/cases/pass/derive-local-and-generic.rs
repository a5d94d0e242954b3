//! Local types, and types that borrow, are generic or are recursive.

use std::fmt::Display;

use serde::Serialize;
use touka::IntoEvent;

fn wire(value: impl IntoEvent) -> String {
    value.into_event().unwrap().to_string()
}

fn shown<I: Display, T: Serialize>(id: I, value: T) -> String {
    #[derive(IntoEvent)]
    struct Local<'a, I, T>
    where
        T: ?Sized,
    {
        #[event(id)]
        id: Option<I>,
        value: &'a T,
    }
    wire(Local { id: Some(id), value: &value })
}

#[derive(Serialize, IntoEvent)]
struct Tree<const N: usize> {
    leaf: u8,
    more: Vec<Self>,
}

fn main() {
    assert_eq!(shown("a", [1, 2]), "id: a\nevent: local\ndata: {\"value\":[1,2]}\n\n");
    assert_eq!(wire(Tree::<1> { leaf: 1, more: Vec::new() }), "event: tree\ndata: {\"leaf\":1,\"more\":[]}\n\n");
}
