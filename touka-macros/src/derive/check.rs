//! The rules that concern more than one attribute, one function for each.

use quote::ToTokens;
use syn::Ident;

use super::model::{Field, Input, Kind, Message, Style};
use crate::diagnostics::Diagnostics;

/// Applies every rule.
pub(super) fn input(input: &Input, diagnostics: &mut Diagnostics) {
    for message in &input.messages {
        name_is_fit_for_the_wire(message, diagnostics);
        name_is_not_event_sources_own(input, message, diagnostics);
        one_of(message, "id", |field| field.id.as_ref(), diagnostics);
        one_of(message, "reconnection time", |field| field.retry.as_ref(), diagnostics);
        one_role(message, diagnostics);
        text_is_one_value(input, message, diagnostics);
        lone_payload_is_plain(input, message, diagnostics);
    }
    names_differ(input, diagnostics);
    readable(input, diagnostics);
}

/// A name is one that `EventName` accepts; the error is located at the literal. A name that passes this check
/// but not `EventName`'s fails the build too, because the names are made by `EventName::from_static` in a
/// `static`.
fn name_is_fit_for_the_wire(message: &Message, diagnostics: &mut Diagnostics) {
    let Some(literal) = &message.name.literal else { return };
    let name = &message.name.text;
    if name.is_empty() {
        diagnostics
            .error(literal, "an event's name cannot be empty: for an event without a name, write `name = \"message\"`");
    } else if name.contains(char::is_control) {
        diagnostics.error(literal, "a control character in an event's name would break the stream: remove it");
    } else if name.starts_with(' ') || name.ends_with(' ') {
        let text = format!("clients remove spaces around an event's name: write {:?}", name.trim_matches(' '));
        diagnostics.error(literal, text);
    }
}

/// A name is not `open` or `error` unless it is written out, because `EventSource` fires these events itself.
fn name_is_not_event_sources_own(input: &Input, message: &Message, diagnostics: &mut Diagnostics) {
    let name = &message.name.text;
    if message.name.literal.is_none() && ["open", "error"].contains(&name.as_str()) {
        let what = if input.kind == Kind::Enum { "variant" } else { "struct" };
        let text = format!(
            "this {what} would be sent as `{name}`, an event that `EventSource` fires itself: give it another name, \
             as in `#[event(name = \"{example}\")]`, or write `#[event(name = \"{name}\")]` to use this one",
            example = if name == "open" { "opened" } else { "failed" },
        );
        diagnostics.error(&message.ident, text);
    }
}

/// Each name is used once, because clients distinguish events by name. Any number of events may be without one.
fn names_differ(input: &Input, diagnostics: &mut Diagnostics) {
    for (index, message) in input.messages.iter().enumerate() {
        let same = |other: &&Message| other.name.text == message.name.text;
        if message.name.is_left_out() {
            continue;
        }
        if let Some(other) = input.messages[..index].iter().find(same) {
            let text = format!(
                "`{}` and `{}` are both sent as `{}`: give one of them another name, as in `#[event(name = \"…\")]`",
                other.ident, message.ident, message.name.text
            );
            diagnostics.error(message.name.tokens(&message.ident), text);
        }
    }
}

/// A type with `read` uses only what `read` supports.
fn readable(input: &Input, diagnostics: &mut Diagnostics) {
    let Some(read) = &input.read else { return };
    if !input.generics.params.is_empty() {
        let text = "`read` does not support generic types: implement `IntoEvent` by hand, with `from_event`";
        diagnostics.error(read, text);
    }
    let mut unnamed = input.messages.iter().filter(|message| message.name.is_left_out());
    if let (Some(first), Some(second)) = (unnamed.next(), unnamed.next()) {
        let text = format!(
            "`{}` and `{}` are both sent as `message`, so `read` cannot distinguish them: give one of them another name",
            first.ident, second.ident
        );
        diagnostics.error(second.name.tokens(&second.ident), text);
    }
    for message in &input.messages {
        if let Some((word, tokens)) = input.unreadable(message) {
            let text = format!(
                "`read` does not support serde's `{word}` here: write it on the fields, or implement `IntoEvent` by hand, with `from_event`"
            );
            diagnostics.error(tokens, text);
        }
    }
}

/// An event has at most one id and one reconnection time.
fn one_of<'a>(
    message: &'a Message,
    what: &str,
    mark: impl Fn(&'a Field) -> Option<&'a Ident>,
    diagnostics: &mut Diagnostics,
) {
    let mut marked = message.fields.iter().filter_map(|field| mark(field).map(|mark| (field, mark)));
    let Some((first, _)) = marked.next() else { return };
    for (_, mark) in marked {
        let first = first.member.to_token_stream();
        diagnostics.error(
            mark,
            format!("an event has one {what}, and the field `{first}` is marked already: remove one of the two"),
        );
    }
}

/// A field has one role.
fn one_role(message: &Message, diagnostics: &mut Diagnostics) {
    for field in &message.fields {
        if let (Some(_), Some(retry)) = (&field.id, &field.retry) {
            diagnostics.error(retry, "a field cannot be both the id and the reconnection time: keep one");
        }
    }
}

/// Text data is one field.
fn text_is_one_value(input: &Input, message: &Message, diagnostics: &mut Diagnostics) {
    let Some(text) = &message.text else { return };
    let name = &message.ident;
    match message.data().count() {
        1 => {}
        0 => diagnostics.error(text, format!("`{name}` has no field to send as text: remove `data = \"text\"`")),
        _ => {
            let remedy = if input.kind == Kind::Enum { "send JSON" } else { "implement `IntoEvent` by hand" };
            diagnostics.error(
                text,
                format!("text data is the value of one field, but `{name}` has several: keep one, or {remedy}"),
            );
        }
    }
}

/// In an enum, a single unnamed payload beside an id has no serde attributes: serde's derive does not see it,
/// so they would have no effect.
fn lone_payload_is_plain(input: &Input, message: &Message, diagnostics: &mut Diagnostics) {
    let mut data = message.data();
    let (Some(payload), None) = (data.next(), data.next()) else { return };
    let beside_an_id = input.kind == Kind::Enum && message.style == Style::Tuple && message.fields.len() > 1;
    if beside_an_id && message.text.is_none() && input.asks_serde(message, payload) {
        let text = format!(
            "serde's attributes do not apply to a single unnamed payload beside an id: name the fields of `{}`, or make the payload a type of its own",
            message.ident
        );
        diagnostics.error(&payload.ty, text);
    }
}
