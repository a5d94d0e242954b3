//! The forms of the documentation.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    rust_2018_idioms
)]

use serde::Serialize;
use touka::IntoEvent;

/// What a model has used.
#[derive(Debug, Serialize)]
pub struct Usage {
    input: u32,
}

/// What a chat sends.
#[derive(Debug, IntoEvent)]
pub enum Chat {
    /// A piece of text.
    Token {
        /// The piece.
        text: String,
    },
    /// The bill.
    #[event(name = "usage")]
    Bill(Usage),
    /// A cursor.
    Moved {
        /// Counts up.
        #[event(id)]
        seq: u64,
        /// Where.
        x: f64,
    },
    /// No more.
    TurnIsOver,
    /// The log.
    #[event(data = "text")]
    Line(String),
    /// Of old.
    #[deprecated]
    Old {
        /// Nothing.
        x: u8,
    },
}

fn wire(value: impl IntoEvent) -> String {
    value.into_event().unwrap().to_string()
}

fn main() {
    assert_eq!(wire(Chat::Token { text: "a".into() }), "event: token\ndata: {\"text\":\"a\"}\n\n");
    assert_eq!(wire(Chat::Bill(Usage { input: 3 })), "event: usage\ndata: {\"input\":3}\n\n");
    assert_eq!(wire(Chat::Moved { seq: 1, x: 2.5 }), "id: 1\nevent: moved\ndata: {\"x\":2.5}\n\n");
    assert_eq!(wire(Chat::TurnIsOver), "event: turn-is-over\ndata: \n\n");
    assert_eq!(wire(Chat::Line("a\nb".into())), "event: line\ndata: a\ndata: b\n\n");
}
