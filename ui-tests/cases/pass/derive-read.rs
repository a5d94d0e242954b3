//! A type whose values are read back, without the prelude and with constants named like generated variables.
#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code)]

use ::touka::IntoEvent;

#[allow(non_upper_case_globals)]
const data: u8 = 0;
#[allow(non_upper_case_globals)]
const reading: u8 = 0;
#[allow(non_upper_case_globals)]
const event: u8 = 0;

#[derive(IntoEvent)]
#[event(read)]
enum Chat {
    Token {
        text: ::std::string::String,
        r#type: u8,
    },
    Pair(u8, ::std::option::Option<::std::boxed::Box<Nested>>),
    #[event(name = "message")]
    Done,
}

#[derive(::serde::Serialize, ::serde::Deserialize)]
struct Nested {
    data: u8,
}

fn main() {
    let token = Chat::Token { text: ::std::convert::From::from("a"), r#type: 1 };
    let sent = token.into_event();
    let back = sent.and_then(Chat::from_event);
    ::std::assert!(::std::matches!(back, ::std::result::Result::Ok(Chat::Token { r#type: 1, .. })));
}
