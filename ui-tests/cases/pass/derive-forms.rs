//! The forms of the derive, as documented.
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

/// The usage of a model.
#[derive(Debug, Serialize)]
pub struct Usage {
    input: u32,
}

/// The events of a chat.
#[derive(Debug, IntoEvent)]
pub enum Chat {
    /// A piece of text.
    Token {
        /// The piece.
        text: String,
    },
    /// A bill.
    #[event(name = "usage")]
    Bill(Usage),
    /// A cursor.
    Moved {
        /// The sequence number.
        #[event(id)]
        seq: u64,
        /// The coordinate.
        x: f64,
    },
    /// The end of a turn.
    TurnIsOver,
    /// A log line.
    #[event(data = "text")]
    Line(String),
    /// The last event, in the format of older clients.
    #[deprecated]
    Old {
        /// The text.
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
