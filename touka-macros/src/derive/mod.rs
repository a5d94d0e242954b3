//! `#[derive(IntoEvent)]`.
//!
//! # Layout
//! The stages, in order: `case → attr → serde → model → check → foldable → fallback → bounds → copy → describe → read → fold →
//! expand`.
//! `paths` has the paths that generated code may use.

mod attr;
mod bounds;
mod case;
mod check;
mod copy;
mod describe;
mod expand;
mod fallback;
mod fold;
mod foldable;
mod model;
mod paths;
mod read;
mod serde;

use proc_macro2::{Span, TokenStream};
use quote::quote;

use self::model::Input;
use self::paths::Paths;
use crate::diagnostics::Diagnostics;
use crate::renamed;

/// Expands the derive. With `describes`, the type describes its events.
pub(crate) fn into_event(item: TokenStream, describes: bool) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let input = match syn::parse2(item) {
        Ok(item) => Input::read(item, &mut diagnostics),
        Err(error) => {
            diagnostics.add(error);
            None
        }
    };
    let Some(input) = input else {
        return diagnostics.finish().unwrap_or_default();
    };
    let other_name = renamed::other_name().filter(|_| input.krate.is_none());
    if let Some(name) = &other_name {
        let text = format!("this crate depends on touka as `{name}`: write `#[event(crate = {name})]`");
        diagnostics.add(syn::Error::new(Span::call_site(), text));
    }
    // The stub uses the detected name, so that this is the only error.
    let found = other_name.and_then(|name| syn::parse_str(&format!("::{name}")).ok());
    let paths = Paths::new(input.krate.as_ref().or(found.as_ref()));
    check::input(&input, &mut diagnostics);
    foldable::input(&input, &mut diagnostics);
    match diagnostics.finish() {
        None => {
            let described = describes.then(|| describe::describe(&input, &paths));
            let expanded = expand::expand(&input, &paths);
            quote!(#expanded #described)
        }
        Some(errors) => {
            let stub = fallback::fallback(&input, describes, &paths);
            quote!(#errors #stub)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn expanded(item: &str) -> String {
        let tokens = into_event(TokenStream::from_str(item).unwrap(), true);
        let file = syn::parse2(tokens).unwrap_or_else(|error| panic!("{item}: {error}"));
        prettyplease::unparse(&file)
    }

    /// While the user types an attribute, the type keeps its impl, which editors need for completion.
    #[test]
    fn incomplete_attributes_are_one_error_and_keep_the_impl() {
        let attributes = [
            "event",
            "event()",
            "event(,)",
            "event(n)",
            "event(name)",
            "event(name =)",
            "event(name = ,)",
            "event(= \"a\")",
            "event(name = \"a\" \"b\")",
            "event(name(\"a\"))",
            "event(name: \"a\")",
            "event(5)",
            "event = \"a\"",
            "event(data = 3)",
            "event(data =)",
            "event(name.x = \"a\")",
            "event[name]",
            "event(fold)",
            "event(fold =)",
            "event(fold = \"concat\" \"b\")",
            "event(fold = concat)",
            "event(fold = 3)",
        ];
        for attribute in attributes {
            let code = expanded(&format!("enum Chat {{ #[{attribute}] Token {{ text: String }} }}"));
            assert_eq!(code.matches("compile_error").count(), 1, "{attribute}: {code}");
            assert!(code.contains("IntoEvent for Chat"), "{attribute}: {code}");
        }
        for attribute in
            ["event(crate)", "event(crate =)", "event(crate = \"a\")", "event(rename_all)", "event(name = \"a\")"]
        {
            let code = expanded(&format!("#[{attribute}] enum Chat {{ Token }}"));
            assert_eq!(code.matches("compile_error").count(), 1, "{attribute}: {code}");
        }
    }

    #[test]
    fn a_copy_is_generated_only_if_serde_is_needed() {
        let lone = expanded("enum Chat<T> { Usage(T), Done, #[event(data = \"text\")] Line { text: String } }");
        assert!(!lone.contains("__ToukaData"), "{lone}");
        assert!(lone.contains("T: ::touka::__private::derived::serde::Serialize"), "{lone}");
        let whole = expanded("enum Chat { Usage(u8), Moved { x: u8 } }");
        assert!(whole.contains("enum __ToukaData"), "{whole}");
    }
}
