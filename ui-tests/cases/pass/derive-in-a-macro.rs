//! A macro of another crate can define event types, and find touka through that crate.

pub use touka;

macro_rules! events {
    ($($name:ident { $field:ident: $ty:ty } as $event:literal),*) => {$(
        #[derive($crate::touka::IntoEvent)]
        #[event(crate = $crate::touka, name = $event)]
        struct $name {
            $field: $ty,
        }
    )*};
}

events!(Joined { name: &'static str } as "user joined", Left { name: Option<u8> } as "user left");

fn wire(value: impl touka::IntoEvent) -> String {
    value.into_event().unwrap().to_string()
}

fn main() {
    assert_eq!(wire(Joined { name: "a" }), "event: user joined\ndata: {\"name\":\"a\"}\n\n");
    assert_eq!(wire(Left { name: None }), "event: user left\ndata: {\"name\":null}\n\n");
}
