//! [`Diagnostics`]: collects all errors of one expansion, so that one build reports them together.

use std::thread;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The errors found so far.
///
/// Panics if it is dropped with errors: call [`Diagnostics::finish`] to report them.
pub(crate) struct Diagnostics {
    errors: Option<syn::Error>,
}

impl Diagnostics {
    pub(crate) const fn new() -> Self {
        Self { errors: None }
    }

    /// Adds an error at the user's tokens. The text states the mistake and its remedy.
    pub(crate) fn error(&mut self, at: impl ToTokens, text: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(at, text));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// The compile errors, if there are any.
    pub(crate) fn finish(mut self) -> Option<TokenStream> {
        self.errors.take().map(|errors| errors.to_compile_error())
    }
}

impl Drop for Diagnostics {
    fn drop(&mut self) {
        assert!(self.errors.is_none() || thread::panicking(), "collected errors were not reported");
    }
}

/// The known word nearest to a misspelled one, if it is at most two edits away.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    known
        .into_iter()
        .map(|word| (distance(&typed, &word.to_lowercase()), word))
        // A word is another one, not a misspelling, if more than half of it would have to change.
        .filter(|(edits, word)| *edits <= 2 && edits * 2 <= word.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// The end of a message about an unknown word: the nearest known word, or all of them.
pub(crate) fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(word) = nearest(typed, known.iter().copied()) {
        return format!("; did you mean `{word}`?");
    }
    let all: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    let one_of = if all.len() > 1 { "one of " } else { "" };
    format!("; expected {one_of}{}", all.join(", "))
}

/// The Levenshtein distance: the number of letters to insert, remove or change.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (left, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[left + 1];
            row[left + 1] = changed.min(diagonal + 1).min(row[left] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_at_most_two_edits_away() {
        let known = ["keep_alive", "retry", "end"];
        assert_eq!(nearest("keepalive", known), Some("keep_alive"));
        assert_eq!(nearest("RETRY", known), Some("retry"));
        assert_eq!(nearest("rerty", known), Some("retry"));
        assert_eq!(nearest("timeout", known), None);
        assert_eq!(nearest("x", known), None);
    }

    #[test]
    #[should_panic(expected = "not reported")]
    fn dropping_unreported_errors_panics() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error(proc_macro2::TokenStream::new(), "something");
    }
}
