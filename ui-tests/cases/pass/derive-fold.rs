use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use touka::IntoEvent;

#[derive(IntoEvent)]
enum Turn {
    #[event(fold = "concat")]
    Delta {
        text: String,
    },
    #[event(fold = "concat")]
    Lone(Box<str>),
    #[event(fold = "concat", data = "text")]
    Line(Cow<'static, str>),
    #[event(fold = "concat", name = "message")]
    Plain {
        #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    #[event(fold = Usage::add)]
    Usage(Usage),
    #[event(fold = widen)]
    Span {
        from: u32,
        to: u32,
    },
    #[event(fold = <u8 as Ord>::max, data = "text")]
    Level(u8),
    #[event(fold = self::concat)]
    List {
        items: Vec<Usage>,
    },
    Done,
    /// Values of this one are never read.
    Other(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Usage {
    tokens: u32,
}

impl Usage {
    fn add(self, later: Self) -> Self {
        Self { tokens: self.tokens + later.tokens }
    }
}

fn widen(earlier: (u32, u32), later: (u32, u32)) -> (u32, u32) {
    (earlier.0.min(later.0), earlier.1.max(later.1))
}

fn concat<T>(mut earlier: Vec<T>, mut later: Vec<T>) -> Vec<T> {
    earlier.append(&mut later);
    earlier
}

#[derive(IntoEvent)]
#[event(fold = Score::best)]
struct Score {
    points: u32,
}

impl Score {
    fn best(self, later: Self) -> Self {
        if later.points > self.points { later } else { self }
    }
}

#[derive(IntoEvent)]
#[event(read, fold = "concat")]
#[serde(transparent)]
struct Text {
    text: String,
}

fn folded<T: IntoEvent>(earlier: T, later: T) -> String {
    let [earlier, later] = [earlier, later].map(|value| value.into_event().unwrap());
    T::fold(&earlier, &later).unwrap().to_string()
}

fn main() {
    let [a, b] = ["a\n", "b"].map(|text| Turn::Delta { text: text.into() });
    assert_eq!(folded(a, b), "event: delta\ndata: {\"text\":\"a\\nb\"}\n\n");
    assert_eq!(folded(Turn::Lone("a".into()), Turn::Lone("b".into())), "event: lone\ndata: \"ab\"\n\n");
    assert_eq!(folded(Turn::Line("a\n".into()), Turn::Line("b".into())), "event: line\ndata: a\ndata: b\n\n");
    let [a, b] = ["", "b"].map(|text| Turn::Plain { text: text.into() });
    assert_eq!(folded(a, b), "data: {\"t\":\"b\"}\n\n");
    let [a, b] = [1, 2].map(|tokens| Turn::Usage(Usage { tokens }));
    assert_eq!(folded(a, b), "event: usage\ndata: {\"tokens\":3}\n\n");
    let [a, b] = [(2, 3), (1, 2)].map(|(from, to)| Turn::Span { from, to });
    assert_eq!(folded(a, b), "event: span\ndata: {\"from\":1,\"to\":3}\n\n");
    assert_eq!(folded(Turn::Level(7), Turn::Level(5)), "event: level\ndata: 7\n\n");
    let [a, b] = [1, 2].map(|tokens| Turn::List { items: vec![Usage { tokens }] });
    assert_eq!(folded(a, b), "event: list\ndata: {\"items\":[{\"tokens\":1},{\"tokens\":2}]}\n\n");
    let [a, b] = [4, 3].map(|points| Score { points });
    assert_eq!(folded(a, b), "event: score\ndata: {\"points\":4}\n\n");
    let [a, b] = ["a", "b"].map(|text| Text { text: text.into() });
    assert_eq!(folded(a, b), "event: text\ndata: \"ab\"\n\n");
    let [done, other] = [Turn::Done, Turn::Other("x")].map(|value| value.into_event().unwrap());
    assert_eq!(Turn::fold(&done, &done), None);
    assert_eq!(Turn::fold(&other, &other), None);
}
