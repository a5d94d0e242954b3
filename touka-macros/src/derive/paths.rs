//! [`Paths`]: the paths that a derived impl may use.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::runtime::Runtime;

/// The path of the hidden module of the derive.
pub(super) struct Paths(TokenStream);

impl Paths {
    pub(super) fn new(krate: Option<&syn::Path>) -> Self {
        Self(Runtime::new(krate).private("derived"))
    }

    /// A path in the hidden module.
    pub(super) fn to(&self, name: &str) -> TokenStream {
        let (module, name) = (&self.0, Ident::new(name, Span::call_site()));
        quote!(#module::#name)
    }
}

/// The span of generated code that has the location of the user's tokens: the compiler reports errors there,
/// but applies no lints of style.
pub(super) fn located(at: Span) -> Span {
    Span::call_site().located_at(at)
}
