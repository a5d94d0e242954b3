//! The rules of `fold`, one function for each.

use super::attr::Fold;
use super::model::{Input, Message};
use crate::diagnostics::Diagnostics;

/// Applies every rule.
pub(super) fn input(input: &Input, diagnostics: &mut Diagnostics) {
    for message in &input.messages {
        let Some(fold) = &message.fold else { continue };
        has_data_alone(message, fold, diagnostics);
        if let Fold::Concat(_) = fold {
            concat_is_one_text(message, fold, diagnostics);
        }
        // With `read`, these are mistakes already.
        if input.read.is_none() {
            is_readable(input, message, fold, diagnostics);
        }
        is_told_by_its_name(input, message, diagnostics);
    }
}

/// A message that folds has data, and nothing else.
fn has_data_alone(message: &Message, fold: &Fold, diagnostics: &mut Diagnostics) {
    let name = &message.ident;
    if message.data().next().is_none() {
        diagnostics.error(fold, format!("`{name}` has no data to fold: remove `fold`"));
    }
    for field in &message.fields {
        if let Some(id) = &field.id {
            let text = format!(
                "events fold in a topic, which sets their ids, so `{name}` cannot have both `id` and `fold`: remove one, \
                 or send the value as data"
            );
            diagnostics.error(id, text);
        }
        if let Some(retry) = &field.retry {
            let text = format!(
                "a folded event has no reconnection time, so `{name}` cannot have both `retry` and `fold`: remove one"
            );
            diagnostics.error(retry, text);
        }
    }
}

fn concat_is_one_text(message: &Message, fold: &Fold, diagnostics: &mut Diagnostics) {
    if message.data().count() > 1 {
        let name = &message.ident;
        let text = format!(
            "`concat` joins the text of one field, but `{name}` has several: name a function that folds them, as in `fold = add`"
        );
        diagnostics.error(fold, text);
    }
}

/// The data can be read from an event.
fn is_readable(input: &Input, message: &Message, fold: &Fold, diagnostics: &mut Diagnostics) {
    if !input.generics.params.is_empty() {
        let text = "`fold` does not support generic types: implement `IntoEvent` by hand, with `fold`";
        diagnostics.error(fold, text);
    }
    if let Some((word, tokens)) = input.unreadable(message).filter(|_| message.is_read_to_fold()) {
        let text = format!(
            "`fold` does not support serde's `{word}` here: write it on the fields, or implement `IntoEvent` by hand, with `fold`"
        );
        diagnostics.error(tokens, text);
    }
}

/// Events are told apart by their names. Several messages may be sent as `message`.
fn is_told_by_its_name(input: &Input, message: &Message, diagnostics: &mut Diagnostics) {
    if !message.name.is_left_out() || input.read.is_some() {
        return;
    }
    let other = input.messages.iter().find(|other| other.ident != message.ident && other.name.is_left_out());
    if let Some(other) = other {
        let text = format!(
            "`{}` and `{}` are both sent as `message`, so `fold` cannot distinguish them: give one of them another name",
            message.ident, other.ident
        );
        diagnostics.error(message.name.tokens(&message.ident), text);
    }
}
