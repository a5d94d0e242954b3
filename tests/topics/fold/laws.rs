//! The laws of a derived fold: it is associative, and who reads the folded event reads the two.

use proptest::prelude::*;
use touka::testing::Parser;
use touka::{Event, IntoEvent};

use super::Turn;

/// Text with everything that JSON or the stream treats in its own way, cut anywhere.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\"",
        "\\",
        "\u{0}",
        "\u{1f600}",
        "\u{2028}",
        " ",
        "\\ud83d",
        "😀",
    ]);
    prop::collection::vec(prop_oneof![special.prop_map(str::to_owned), ".{0,2}"], 0..4).prop_map(|parts| parts.concat())
}

fn event() -> impl Strategy<Value = Event> {
    let turn = prop_oneof![
        3 => text().prop_map(|text| Turn::Delta { text }),
        3 => text().prop_map(Turn::Line),
        1 => (0..9_u64, 0..9_u64).prop_map(|(input, output)| Turn::Usage { input, output }),
        1 => text().prop_map(Turn::Note),
    ];
    turn.prop_map(|turn| turn.into_event().expect("it has an event"))
}

/// Three events, mostly of one kind.
fn three() -> impl Strategy<Value = [Event; 3]> {
    let alike = |make: fn(String) -> Turn| {
        [text(), text(), text()].prop_map(move |texts| texts.map(|text| make(text).into_event().expect("an event")))
    };
    prop_oneof![
        4 => alike(|text| Turn::Delta { text }),
        4 => alike(Turn::Line),
        1 => [event(), event(), event()],
    ]
}

/// The event as a client gets it: its name, and its text.
fn read(event: &Event) -> (String, String) {
    let mut parser = Parser::new();
    parser.feed(event.to_string().as_bytes());
    let [event] = &parser.take()[..] else { panic!("one event") };
    let text = match event.name.as_str() {
        "delta" => event.json::<serde_json::Value>()["text"].as_str().expect("a text").to_owned(),
        _ => event.data.clone(),
    };
    (event.name.clone(), text)
}

/// The event as a topic's readers get it: its data has no CR.
fn stored(event: &Event) -> Event {
    let mut parser = Parser::new();
    parser.feed(event.to_string().as_bytes());
    event.clone().with_data(parser.take().remove(0).data)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn folding_is_associative([a, b, c] in three()) {
        let left = Turn::fold(&a, &b).and_then(|folded| Turn::fold(&folded, &c));
        let right = Turn::fold(&b, &c).and_then(|folded| Turn::fold(&a, &folded));
        prop_assert_eq!(left, right);
    }

    #[test]
    fn a_folded_event_reads_as_the_two([a, b, _] in three()) {
        let (earlier, later) = (read(&a), read(&b));
        let folded = Turn::fold(&a, &b);
        prop_assert_eq!(&folded, &Turn::fold(&stored(&a), &stored(&b)));
        let concat = |name: &str| (name.to_owned(), format!("{}{}", earlier.1, later.1));
        match (&*earlier.0, &*later.0) {
            (name @ ("delta" | "line"), other) if name == other => prop_assert_eq!(read(&folded.unwrap()), concat(name)),
            ("usage", "usage") => prop_assert!(folded.is_some()),
            _ => prop_assert_eq!(folded, None),
        }
    }
}

fn raw(data: &str) -> Event {
    Event::data(data).event("delta")
}

/// Any event can be published to a topic, by a `Topic<Event>` or another process.
#[test]
fn json_of_other_writers_folds_if_it_can_be_read() {
    let folded = |earlier: &str, later: &str| Turn::fold(&raw(earlier), &raw(later)).map(|event| read(&event).1);
    assert_eq!(folded(r#"{"text":"\u0041\ud83d\ude00"}"#, "{ \"text\" :\n\"\\/\" }"), Some("A😀/".into()));
    // Half of a surrogate pair is no text.
    assert_eq!(folded(r#"{"text":"\ud83d"}"#, r#"{"text":"\ude00"}"#), None);
    for other in ["", "null", "[]", r#"{"text":1}"#, r#"{"test":"a"}"#, r#"{"text":"a""#] {
        assert_eq!(folded(r#"{"text":"a"}"#, other), None, "{other}");
        assert_eq!(folded(other, r#"{"text":"a"}"#), None, "{other}");
    }
}

/// A reconnection time is an effect that no delta has.
#[test]
fn an_event_with_a_reconnection_time_does_not_fold() {
    let [plain, other] = [raw(r#"{"text":"a"}"#), raw(r#"{"text":"b"}"#).retry(std::time::Duration::from_secs(1))];
    assert_eq!(Turn::fold(&plain, &other), None);
    assert_eq!(Turn::fold(&other, &plain), None);
}

#[test]
fn nothing_folds_by_default() {
    let event = Event::data("a");
    assert_eq!(Event::fold(&event, &event), None);
    assert_eq!(String::fold(&event, &event), None);
}
