//! [`Entries`]: the user's `#[serde(…)]` attributes that concern the data, to be passed on to serde.
//!
//! The attributes are not parsed, only split at their commas: serde checks them.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, LitStr, Meta, Token, WherePredicate};

/// The attributes of an enum that concern its representation, which is the event's name here, or reading. All
/// others are passed to serde, also misspelled ones, so that serde reports them.
const NOT_OF_AN_ENUM: [&str; 13] = [
    "rename",
    "rename_all",
    "tag",
    "content",
    "untagged",
    "deny_unknown_fields",
    "default",
    "from",
    "try_from",
    "into",
    "remote",
    "crate",
    "expecting",
];
const NOT_OF_A_STRUCT: [&str; 2] = ["remote", "crate"];
const NOT_OF_A_VARIANT: [&str; 8] =
    ["rename", "alias", "skip", "skip_serializing", "skip_deserializing", "other", "untagged", "borrow"];

/// One option of an attribute, with its value.
pub(super) struct Entry {
    word: String,
    tokens: TokenStream,
}

/// The options of an item.
#[derive(Default)]
pub(super) struct Entries(Vec<Entry>);

impl Entries {
    pub(super) fn of_enum(attrs: &[Attribute]) -> Self {
        Self::without(attrs, &NOT_OF_AN_ENUM)
    }

    pub(super) fn of_struct(attrs: &[Attribute]) -> Self {
        Self::without(attrs, &NOT_OF_A_STRUCT)
    }

    pub(super) fn of_variant(attrs: &[Attribute]) -> Self {
        Self::without(attrs, &NOT_OF_A_VARIANT)
    }

    pub(super) fn of_field(attrs: &[Attribute]) -> Self {
        Self::without(attrs, &[])
    }

    fn without(attrs: &[Attribute], drop: &[&str]) -> Self {
        let lists = attrs.iter().filter(|attr| attr.path().is_ident("serde")).filter_map(|attr| match &attr.meta {
            Meta::List(list) => Some(list.tokens.clone()),
            _ => None,
        });
        Self(lists.flat_map(split).filter(|entry| !drop.contains(&entry.word.as_str())).collect())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.0.iter().any(|entry| words.contains(&entry.word.as_str()))
    }

    /// The tokens after an option's name.
    pub(super) fn value(&self, word: &str) -> Option<TokenStream> {
        let entry = self.0.iter().find(|entry| entry.word == word)?;
        Some(entry.tokens.clone().into_iter().skip(1).collect())
    }

    /// The first option with one of these names, and its tokens.
    pub(super) fn first_of(&self, words: &[&str]) -> Option<(&str, &TokenStream)> {
        let entry = self.0.iter().find(|entry| words.contains(&entry.word.as_str()))?;
        Some((&entry.word, &entry.tokens))
    }

    /// The attributes, for the hidden copy.
    pub(super) fn attributes(&self) -> TokenStream {
        self.0.iter().map(|Entry { tokens, .. }| quote!(#[serde(#tokens)])).collect()
    }

    /// The attributes with these names only.
    pub(super) fn only(&self, words: &[&str]) -> TokenStream {
        let entries = self.0.iter().filter(|entry| words.contains(&entry.word.as_str()));
        entries.map(|Entry { tokens, .. }| quote!(#[serde(#tokens)])).collect()
    }

    /// The predicates of `bound` for serializing, which replace the inferred ones.
    pub(super) fn bounds(&self) -> Option<Vec<WherePredicate>> {
        let entry = self.0.iter().find(|entry| entry.word == "bound")?;
        bound.parse2(entry.tokens.clone()).ok().flatten()
    }
}

/// Splits tokens at the commas.
fn split(tokens: TokenStream) -> Vec<Entry> {
    let mut entries = vec![TokenStream::new()];
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => entries.push(TokenStream::new()),
            token => entries.last_mut().expect("there is always one").extend([token]),
        }
    }
    entries
        .into_iter()
        .filter(|tokens| !tokens.is_empty())
        .map(|tokens| Entry {
            word: tokens.clone().into_iter().next().map_or_else(String::new, |first| first.to_string()),
            tokens,
        })
        .collect()
}

/// Parses `bound = "T: Trait"` or `bound(serialize = "T: Trait", …)`. serde reports any other form.
fn bound(input: ParseStream<'_>) -> syn::Result<Option<Vec<WherePredicate>>> {
    input.parse::<Ident>()?;
    if input.peek(Token![=]) {
        return predicates(input).map(Some);
    }
    let inner;
    syn::parenthesized!(inner in input);
    let mut found = None;
    while !inner.is_empty() {
        let direction: Ident = inner.parse()?;
        let predicates = predicates(&inner)?;
        if direction == "serialize" {
            found = Some(predicates);
        }
        if !inner.is_empty() {
            inner.parse::<Token![,]>()?;
        }
    }
    Ok(found)
}

fn predicates(input: ParseStream<'_>) -> syn::Result<Vec<WherePredicate>> {
    input.parse::<Token![=]>()?;
    let literal: LitStr = input.parse()?;
    let parsed = literal.parse_with(Punctuated::<WherePredicate, Token![,]>::parse_terminated)?;
    Ok(parsed.into_iter().collect())
}
