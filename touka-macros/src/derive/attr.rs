//! [`Attrs`]: the options of `#[event(…)]`, and where each is allowed.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, ExprPath, Ident, LitStr, Meta, Path, Token};

use super::case::Case;
use crate::diagnostics::{Diagnostics, did_you_mean};
use crate::keyword::CRATE;

const EVENT: &str = "event";
const NAME: &str = "name";
const RENAME_ALL: &str = "rename_all";
const DATA: &str = "data";
const ID: &str = "id";
const RETRY: &str = "retry";
const READ: &str = "read";
const FOLD: &str = "fold";
const CONCAT: &str = "concat";

/// The item that an attribute is on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Enum,
    Struct,
    Variant,
    Field,
}

impl Place {
    /// The options that are allowed here.
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Enum => &[RENAME_ALL, READ, CRATE],
            Self::Struct => &[NAME, DATA, FOLD, READ, CRATE],
            Self::Variant => &[NAME, DATA, FOLD],
            Self::Field => &[ID, RETRY],
        }
    }

    const fn article(self) -> &'static str {
        match self {
            Self::Enum => "an enum",
            Self::Struct => "a struct",
            Self::Variant => "a variant",
            Self::Field => "a field",
        }
    }
}

/// The meaning of each option, and the item that it goes on.
const MEANINGS: [(&str, &str); 8] = [
    (NAME, "is the name of one event, so it goes on a variant or a struct"),
    (
        RENAME_ALL,
        "is the case of all names of an enum, so it goes on an enum; fields are renamed with `#[serde(rename_all = \"…\")]`",
    ),
    (DATA, "is the format of one event, so it goes on a variant or a struct"),
    (ID, "marks the field that is the event's id, so it goes on that field"),
    (RETRY, "marks the field that is the reconnection time, so it goes on that field"),
    (FOLD, "joins successive events of one name, so it goes on a variant or a struct"),
    (READ, "allows values to be read from events, so it goes on the type"),
    (CRATE, "is the path of touka, so it goes on the type"),
];

/// The options of one item.
#[derive(Default)]
pub(super) struct Attrs {
    pub(super) krate: Option<Path>,
    pub(super) rename_all: Option<Case>,
    pub(super) name: Option<LitStr>,
    /// The value of `data = "text"`.
    pub(super) text: Option<LitStr>,
    pub(super) id: Option<Ident>,
    pub(super) retry: Option<Ident>,
    pub(super) read: Option<Ident>,
    pub(super) fold: Option<Fold>,
}

/// How successive events are folded into one.
pub(super) enum Fold {
    /// `fold = "concat"`: the text of the one field is joined.
    Concat(LitStr),
    /// `fold = function`.
    Function(ExprPath),
}

impl ToTokens for Fold {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Concat(literal) => literal.to_tokens(tokens),
            Self::Function(path) => path.to_tokens(tokens),
        }
    }
}

impl Attrs {
    pub(super) fn parse(attrs: &[Attribute], place: Place, diagnostics: &mut Diagnostics) -> Self {
        let mut found = Self::default();
        let mut seen = Vec::new();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident(EVENT)) {
            let example = format!("`#[event({})]`", example(place.options()[0]));
            let Meta::List(list) = &attr.meta else {
                diagnostics.error(attr, format!("an option is missing, as in {example}"));
                continue;
            };
            if list.tokens.is_empty() {
                diagnostics.error(attr, format!("an option is missing, as in {example}"));
            }
            let parser = |input: ParseStream<'_>| found.options(input, place, &mut seen, diagnostics);
            if let Err(error) = parser.parse2(list.tokens.clone()) {
                diagnostics.add(error);
            }
        }
        found
    }

    fn options(
        &mut self,
        input: ParseStream<'_>,
        place: Place,
        seen: &mut Vec<String>,
        diagnostics: &mut Diagnostics,
    ) -> syn::Result<()> {
        while !input.is_empty() {
            if input.peek(LitStr) {
                let name: LitStr = input.parse()?;
                let text = format!("a string needs the name of its option: write `{NAME} = {:?}`", name.value());
                diagnostics.error(&name, text);
            } else {
                let word: Ident = input.call(Ident::parse_any)?;
                self.option(&word, input, place, seen, diagnostics)?;
            }
            // The rest of an invalid value belongs to the mistake that was reported.
            rest_of_option(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn option(
        &mut self,
        word: &Ident,
        input: ParseStream<'_>,
        place: Place,
        seen: &mut Vec<String>,
        diagnostics: &mut Diagnostics,
    ) -> syn::Result<()> {
        let typed = word.to_string();
        if !place.options().contains(&typed.as_str()) {
            diagnostics.error(word, misplaced(&typed, place));
            return Ok(());
        }
        if seen.contains(&typed) {
            diagnostics.error(word, format!("`{typed}` is given twice: remove one"));
            return Ok(());
        }
        seen.push(typed.clone());
        match typed.as_str() {
            ID | RETRY | READ => {
                if !input.is_empty() && !input.peek(Token![,]) {
                    let why =
                        if typed == READ { "it applies to the whole type" } else { "the value of the field is sent" };
                    diagnostics.error(rest_of_option(input)?, format!("`{typed}` takes no value: {why}"));
                }
                let mark = match typed.as_str() {
                    ID => &mut self.id,
                    RETRY => &mut self.retry,
                    _ => &mut self.read,
                };
                *mark = Some(word.clone());
            }
            CRATE => {
                if !input.peek(Token![=]) {
                    diagnostics.error(word, format!("`{CRATE}` takes a path, as in `{}`", example(CRATE)));
                    return Ok(());
                }
                input.parse::<Token![=]>()?;
                self.krate = Some(input.call(Path::parse_mod_style)?);
            }
            FOLD => self.fold = fold_value(word, input, diagnostics)?,
            _ => {
                if let Some(literal) = text_value(word, input, diagnostics)? {
                    self.text_option(&typed, literal, diagnostics);
                }
            }
        }
        Ok(())
    }

    fn text_option(&mut self, word: &str, literal: LitStr, diagnostics: &mut Diagnostics) {
        let value = literal.value();
        match word {
            NAME => self.name = Some(literal),
            RENAME_ALL => {
                self.rename_all = Case::parse(&value);
                if self.rename_all.is_none() {
                    let hint = did_you_mean(&value, Case::names());
                    diagnostics.error(literal, format!("unknown case `{value}`{hint}"));
                }
            }
            _ => match value.as_str() {
                "json" => {}
                "text" => self.text = Some(literal),
                _ => {
                    let hint = did_you_mean(&value, ["json", "text"]);
                    diagnostics.error(literal, format!("unknown data format `{value}`{hint}"));
                }
            },
        }
    }
}

/// The string literal after an option and its `=`.
fn text_value(word: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Option<LitStr>> {
    let usage = format!("`{word}` takes a string literal, as in `{}`", example(&word.to_string()));
    if !input.peek(Token![=]) {
        let _rest = rest_of_option(input)?;
        diagnostics.error(word, usage);
        return Ok(None);
    }
    input.parse::<Token![=]>()?;
    let value = rest_of_option(input)?;
    let literal = syn::parse2::<LitStr>(value.clone());
    if literal.is_err() {
        let at = if value.is_empty() { word.to_token_stream() } else { value };
        diagnostics.error(at, usage);
    }
    Ok(literal.ok())
}

/// The word or the function after `fold` and its `=`.
fn fold_value(word: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Option<Fold>> {
    let usage = format!("`{FOLD}` takes `\"{CONCAT}\"` or a function, as in `{}` and `{FOLD} = add`", example(FOLD));
    if !input.peek(Token![=]) {
        diagnostics.error(word, usage);
        return Ok(None);
    }
    input.parse::<Token![=]>()?;
    let value = rest_of_option(input)?;
    if let Ok(literal) = syn::parse2::<LitStr>(value.clone()) {
        let typed = literal.value();
        if typed == CONCAT {
            return Ok(Some(Fold::Concat(literal)));
        }
        let remedy = match (did_you_mean(&typed, [CONCAT]), syn::parse_str::<ExprPath>(&typed)) {
            (hint, _) if hint.contains("did you mean") => hint,
            (_, Ok(_)) => format!(": a function is written without quotes, as in `{FOLD} = {typed}`"),
            (hint, Err(_)) => hint,
        };
        diagnostics.error(literal, format!("unknown fold `{typed}`{remedy}"));
        return Ok(None);
    }
    match syn::parse2::<ExprPath>(value.clone()) {
        // A function of this name is written as `self::concat`.
        Ok(path) if path.path.is_ident(CONCAT) => {
            diagnostics.error(path, format!("`{CONCAT}` is written in quotes: `{}`", example(FOLD)));
            Ok(None)
        }
        Ok(path) => Ok(Some(Fold::Function(path))),
        Err(_) => {
            // A closure has commas.
            let value =
                if value.to_string().starts_with('|') { [value, input.parse()?].into_iter().collect() } else { value };
            let at = if value.is_empty() { word.to_token_stream() } else { value };
            diagnostics.error(at, usage);
            Ok(None)
        }
    }
}

/// Everything up to the next comma.
fn rest_of_option(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut rest = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        rest.extend([TokenTree::parse(input)?]);
    }
    Ok(rest)
}

fn misplaced(typed: &str, place: Place) -> String {
    match MEANINGS.iter().find(|(word, _)| *word == typed) {
        Some((word, meaning)) => format!("`{word}` is not an option of {}: it {meaning}", place.article()),
        None => format!("unknown option `{typed}`{}", did_you_mean(typed, place.options().iter().copied())),
    }
}

fn example(word: &str) -> &'static str {
    match word {
        NAME => "name = \"tick\"",
        RENAME_ALL => "rename_all = \"snake_case\"",
        DATA => "data = \"text\"",
        CRATE => "crate = my::touka",
        RETRY => "retry",
        READ => "read",
        FOLD => "fold = \"concat\"",
        _ => "id",
    }
}
