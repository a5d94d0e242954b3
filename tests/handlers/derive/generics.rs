//! Generic types, bounds, recursive and empty types, and another path to touka.

use std::fmt::Display;
use std::marker::PhantomData;

use serde::{Serialize, Serializer};
use touka::IntoEvent;

use super::serde_attributes::Unserializable;
use super::{wire, wire_of};

trait Shape {
    type Size;
}

struct Square;

impl Shape for Square {
    type Size = u8;
}

#[derive(IntoEvent)]
enum Generic<'a, T, D: ?Sized, S: Shape, P, const N: usize = 2>
where
    D: ToOwned,
{
    Lone(Vec<T>),
    Named {
        #[event(id)]
        id: &'a D,
        value: Option<T>,
        rest: [u8; 2],
    },
    Associated {
        size: S::Size,
        #[serde(skip)]
        #[allow(dead_code)]
        ids: [u8; N],
    },
    #[event(data = "text")]
    Text(&'a D),
    Phantom(PhantomData<P>),
}

#[test]
fn generic_types_need_bounds_for_what_they_send() {
    type Concrete<'a> = Generic<'a, u8, str, Square, Unserializable>;
    assert_eq!(wire_of(|| Concrete::Lone(vec![1])), "event: lone\ndata: [1]\n\n");
    let named = || Concrete::Named { id: "a", value: None, rest: [1, 2] };
    assert_eq!(wire_of(named), "id: a\nevent: named\ndata: {\"value\":null,\"rest\":[1,2]}\n\n");
    assert_eq!(wire_of(|| Concrete::Associated { size: 4, ids: [1, 2] }), "event: associated\ndata: {\"size\":4}\n\n");
    assert_eq!(wire_of(|| Concrete::Text("x")), "event: text\ndata: x\n\n");
    assert_eq!(wire_of(|| Concrete::Phantom(PhantomData)), "event: phantom\ndata: null\n\n");
}

#[test]
fn bounds_can_be_given() {
    #[derive(Clone, IntoEvent)]
    #[serde(bound(serialize = "T: Display", deserialize = ""))]
    struct Shown<T> {
        #[serde(serialize_with = "as_text")]
        value: T,
    }
    fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
    assert_eq!(wire(&Shown { value: 7 }), "event: shown\ndata: {\"value\":\"7\"}\n\n");
}

#[test]
fn a_type_can_be_recursive() {
    #[derive(Clone, Serialize, IntoEvent)]
    struct Tree {
        leaf: u8,
        more: Vec<Self>,
    }
    let tree = Tree { leaf: 1, more: vec![Tree { leaf: 2, more: Vec::new() }] };
    assert_eq!(wire(&tree), "event: tree\ndata: {\"leaf\":1,\"more\":[{\"leaf\":2,\"more\":[]}]}\n\n");
}

#[test]
fn a_type_without_values_compiles() {
    #[derive(Clone, IntoEvent)]
    enum Never {}
    fn is_event<T: IntoEvent>() {}
    is_event::<Never>();
}

#[test]
fn touka_can_be_at_another_path() {
    mod mine {
        pub(super) use touka;
    }
    #[derive(Clone, IntoEvent)]
    #[event(crate = mine::touka)]
    struct Here {
        x: u8,
    }
    assert_eq!(wire(&Here { x: 1 }), "event: here\ndata: {\"x\":1}\n\n");
}
