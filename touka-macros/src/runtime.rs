//! Every path that generated code may name, in one place.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;

/// Where generated code finds touka: `::touka`, or what the `crate` option says.
pub(crate) struct Runtime {
    root: TokenStream,
}

impl Runtime {
    pub(crate) fn new(root: Option<&syn::Path>) -> Self {
        Self { root: root.map_or_else(|| quote!(::touka), ToTokens::to_token_stream) }
    }

    /// Where a `macro_rules!` of touka says that touka is.
    pub(crate) const fn at(root: TokenStream) -> Self {
        Self { root }
    }

    /// A path inside the hidden module that belongs to the macros.
    pub(crate) fn private(&self, name: &str) -> TokenStream {
        let root = &self.root;
        let name = Ident::new(name, Span::call_site());
        quote!(#root::__private::#name)
    }

    /// The same, located at the user's tokens that it serves: what is wrong with them is said there.
    pub(crate) fn private_at(&self, at: Span, name: &str) -> TokenStream {
        let located = |mut token: TokenTree| {
            token.set_span(token.span().located_at(at));
            token
        };
        self.private(name).into_iter().map(located).collect()
    }

    /// The function that takes what an option takes, located at the option's value.
    pub(crate) fn option_at(&self, at: Span, option: &Ident) -> TokenStream {
        let values = self.private_at(at, "values");
        let option = Ident::new(&option.to_string(), Span::call_site().located_at(at));
        quote!(#values::#option)
    }

    /// The stream type of a handler that names none.
    pub(crate) fn event_stream(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::EventStream)
    }
}

/// The place of the user's tokens for code that is not theirs: errors point there, lints of the
/// user's style do not.
pub(crate) fn located(tokens: &impl ToTokens) -> Span {
    Span::call_site().located_at(tokens.span())
}
