//! The doc comment of an item, as an expression.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Meta};

/// The text of the doc attributes. Their values may be macros, such as `include_str!`.
pub(crate) fn text(attrs: &[Attribute]) -> TokenStream {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(&pair.value),
        _ => None,
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { quote!("") } else { quote!(::core::concat!(#(#lines, "\n"),*)) }
}

/// Whether the item is deprecated.
pub(crate) fn is_deprecated(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("deprecated"))
}
