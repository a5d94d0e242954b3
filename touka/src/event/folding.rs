//! The calls that a derived `IntoEvent` with `#[event(fold = …)]` makes to fold two events.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use super::event::Event;

/// Returns the name of two events that may fold: `message` for those without a name.
///
/// An event without data is not dispatched, and one with a reconnection time has an effect that no value has: such
/// events do not fold.
pub fn common_name<'e>(earlier: &'e Event, later: &'e Event) -> Option<&'e str> {
    let name = |event: &'e Event| event.as_event().map_or("message", |name| name.as_str());
    let is_plain = |event: &Event| event.as_data().is_some() && event.as_retry().is_none();
    (is_plain(earlier) && is_plain(later) && name(earlier) == name(later)).then(|| name(earlier))
}

/// Joins the data of two events whose data is text. `T` is the type of the text.
pub fn concat_text<T: Concat>(earlier: &Event, later: &Event) -> Option<Event> {
    let mut text = as_read(earlier.as_data()?).into_owned();
    text.push_str(&as_read(later.as_data()?));
    let event = Event::data(text);
    Some(match earlier.as_event() {
        Some(name) => event.event(name.clone()),
        None => event,
    })
}

/// The text as clients read it. Joined as it was set, a CR at the end of one text and an LF at the beginning of the
/// next would become one line end instead of two.
fn as_read(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// A type that `#[event(fold = "concat")]` joins.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be concatenated",
    label = "this is not text",
    note = "`#[event(fold = \"concat\")]` joins text: make the field a `String`, or name a function that folds two values, as in `#[event(fold = add)]`"
)]
pub trait Concat: Sized {
    /// Appends a later text.
    #[must_use]
    fn concat(self, later: Self) -> Self;
}

impl Concat for String {
    fn concat(mut self, later: Self) -> Self {
        self.push_str(&later);
        self
    }
}

impl Concat for Cow<'_, str> {
    fn concat(self, later: Self) -> Self {
        Cow::Owned(self.into_owned().concat(later.into_owned()))
    }
}

impl Concat for Box<str> {
    fn concat(self, later: Self) -> Self {
        String::from(self).concat(later.into()).into()
    }
}

impl Concat for Arc<str> {
    fn concat(self, later: Self) -> Self {
        String::from(&*self).concat((&*later).into()).into()
    }
}

impl Concat for Rc<str> {
    fn concat(self, later: Self) -> Self {
        String::from(&*self).concat((&*later).into()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn text_joins_as_clients_read_it() {
        for (earlier, later, joined) in [
            ("a", " b", "a b".into()),
            ("", "", String::new()),
            ("a\n", "\nb", "a\n\nb".into()),
            ("a\r", "\nb", "a\n\nb".into()),
            ("a\r\n", "\r", "a\n\n".into()),
        ] {
            let [earlier, later] = [earlier, later].map(|text| Event::data(text).event("t").id(1));
            let folded = concat_text::<String>(&earlier, &later).unwrap();
            assert_eq!(folded, Event::data(joined).event("t"));
        }
    }

    #[test]
    fn only_plain_events_of_one_name_fold() {
        let plain = || Event::data("a").event("t");
        assert_eq!(common_name(&plain(), &plain().id(7)), Some("t"));
        assert_eq!(common_name(&Event::data(""), &Event::data("").event("message")), Some("message"));
        for other in [Event::data("a"), Event::new().event("t"), plain().retry(Duration::ZERO)] {
            assert_eq!(common_name(&plain(), &other), None, "{other:?}");
            assert_eq!(common_name(&other, &plain()), None, "{other:?}");
        }
    }
}
