//! The readers of the values that several options have: nothing, a duration, the path of a function.

use std::time::Duration;

use proc_macro2::TokenTree;
use syn::parse::ParseStream;
use syn::{Ident, LitStr, Path, Token};

use crate::args::skip_value;
use crate::diagnostics::Diagnostics;
use crate::duration;

/// Reports a value of an option that takes none.
pub(crate) fn alone(name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    diagnostics.error(name, format!("`{name}` takes no value"));
    skip_value(input)
}

/// The value after `=`, if it is of this type.
pub(crate) fn value<T: syn::parse::Parse>(input: ParseStream<'_>) -> syn::Result<Option<T>> {
    if !input.peek(Token![=]) {
        return Ok(None);
    }
    input.parse::<Token![=]>()?;
    if input.fork().parse::<T>().is_err() { Ok(None) } else { input.parse().map(Some) }
}

/// Reads a duration.
pub(crate) fn a_duration(
    name: &Ident,
    input: ParseStream<'_>,
    diagnostics: &mut Diagnostics,
) -> syn::Result<Option<Duration>> {
    if let Some(text) = value::<LitStr>(input)? {
        return Ok(checked(&text, diagnostics));
    }
    diagnostics.error(name, format!("`{name}` takes a duration in quotes, as in `{name} = \"3s\"`"));
    skip_value(input)?;
    Ok(None)
}

/// The duration in a literal, if it is valid.
pub(crate) fn checked(text: &LitStr, diagnostics: &mut Diagnostics) -> Option<Duration> {
    duration::parse(&text.value()).map_err(|fault| diagnostics.error(text, fault)).ok()
}

/// Reads the path of a function.
pub(crate) fn function(
    name: &Ident,
    input: ParseStream<'_>,
    diagnostics: &mut Diagnostics,
) -> syn::Result<Option<Path>> {
    if let Some(path) = value::<Path>(input)? {
        // A closure or a call may begin with a path.
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(Some(path));
        }
    }
    diagnostics.error(name, format!("`{name}` takes the path of a function, as in `{name} = my::function`"));
    skip_all(input)?;
    Ok(None)
}

/// Skips all remaining tokens, for a value whose own commas cannot be distinguished from those between options.
fn skip_all(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
