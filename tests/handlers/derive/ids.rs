//! The fields `id` and `retry`.

use std::time::Duration;

use touka::{EventId, IntoEvent};

use super::{Usage, refused, wire};

#[derive(Clone, IntoEvent)]
enum Marked {
    Alone(#[event(id)] u64),
    WithOne(#[event(id)] i128, Usage),
    WithTwo(u8, #[event(id)] String, u8),
    Only {
        #[event(id)]
        id: EventId,
    },
    Perhaps {
        #[event(retry)]
        delay: Option<Duration>,
        #[event(id)]
        id: Option<String>,
        rest: u8,
    },
    #[event(data = "text")]
    Text(#[event(id)] char, #[event(retry)] Duration, u8),
}

#[test]
fn an_id_field_is_not_in_the_data() {
    assert_eq!(wire(&Marked::Alone(7)), "id: 7\nevent: alone\ndata: \n\n");
    let usage = Usage { input: 1, output: 2 };
    let id = i128::MIN;
    assert_eq!(
        wire(&Marked::WithOne(id, usage)),
        format!("id: {id}\nevent: with-one\ndata: {{\"input\":1,\"output\":2}}\n\n")
    );
    assert_eq!(wire(&Marked::WithTwo(1, "a b".into(), 2)), "id: a b\nevent: with-two\ndata: [1,2]\n\n");
    assert_eq!(wire(&Marked::Only { id: 3.into() }), "id: 3\nevent: only\ndata: {}\n\n");
    assert_eq!(
        wire(&Marked::Text('x', Duration::from_millis(1500), 9)),
        "retry: 1500\nid: x\nevent: text\ndata: 9\n\n"
    );
}

#[test]
fn an_empty_option_has_no_line() {
    let none = Marked::Perhaps { delay: None, id: None, rest: 1 };
    assert_eq!(wire(&none), "event: perhaps\ndata: {\"rest\":1}\n\n");
    let some = Marked::Perhaps { delay: Some(Duration::from_secs(1)), id: Some("a".into()), rest: 1 };
    assert_eq!(wire(&some), "retry: 1000\nid: a\nevent: perhaps\ndata: {\"rest\":1}\n\n");
}

#[test]
fn an_id_that_would_break_the_wire_is_an_error() {
    for id in ["", "a\nb", "\0", " a", &"x".repeat(257)] {
        let error = refused(&Marked::WithTwo(1, id.into(), 2));
        assert!(error.is_field(), "{error}");
    }
}
