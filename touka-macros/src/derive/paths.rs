//! Every path that a derived impl may name, in one place.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::runtime::Runtime;

/// The hidden module that belongs to the derive.
pub(super) struct Paths(TokenStream);

impl Paths {
    pub(super) fn new(krate: Option<&syn::Path>) -> Self {
        Self(Runtime::new(krate).private("derived"))
    }

    /// A path inside that module.
    pub(super) fn to(&self, name: &str) -> TokenStream {
        let (module, name) = (&self.0, Ident::new(name, Span::call_site()));
        quote!(#module::#name)
    }
}

/// The place of the user's tokens for code that is not theirs: errors point there, lints of the
/// user's style do not.
pub(super) fn located(at: Span) -> Span {
    Span::call_site().located_at(at)
}
