//! [`Runtime`]: the paths that generated code may use.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;

/// The path of touka in generated code: `::touka`, or the value of the `crate` option.
pub(crate) struct Runtime {
    root: TokenStream,
    /// Whether the path is the value of the `crate` option.
    is_written: bool,
}

impl Runtime {
    pub(crate) fn new(root: Option<&syn::Path>) -> Self {
        Self { root: root.map_or_else(|| quote!(::touka), ToTokens::to_token_stream), is_written: root.is_some() }
    }

    /// Takes the `$crate` of a `macro_rules!` of touka.
    pub(crate) const fn at(root: TokenStream) -> Self {
        Self { root, is_written: false }
    }

    /// The path itself.
    pub(crate) const fn root(&self) -> &TokenStream {
        &self.root
    }

    /// A path in the hidden module of the macros.
    pub(crate) fn private(&self, name: &str) -> TokenStream {
        let root = &self.root;
        let name = Ident::new(name, Span::call_site());
        quote!(#root::__private::#name)
    }

    /// A path as [`Runtime::private`] makes it, with the location of the user's tokens, where the compiler
    /// reports errors.
    pub(crate) fn private_at(&self, at: Span, name: &str) -> TokenStream {
        let located = |mut token: TokenTree| {
            token.set_span(token.span().located_at(at));
            token
        };
        self.private(name).into_iter().map(located).collect()
    }

    /// A trait as [`Runtime::private_at`] locates it, unless the user has written the path of touka: if that is wrong,
    /// the compiler reports it once at each location.
    pub(crate) fn bound_at(&self, at: Span, name: &str) -> TokenStream {
        if self.is_written { self.private(name) } else { self.private_at(at, name) }
    }

    /// The function that converts the value of an option, with the location of that value.
    pub(crate) fn option_at(&self, at: Span, option: &Ident) -> TokenStream {
        let values = self.private_at(at, "values");
        let option = Ident::new(&option.to_string(), Span::call_site().located_at(at));
        quote!(#values::#option)
    }

    /// The stream type of a handler without a return type.
    pub(crate) fn event_stream(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::EventStream)
    }
}

/// The span of generated code that has the location of the user's tokens: the compiler reports errors there,
/// but applies no lints of style.
pub(crate) fn located(tokens: &impl ToTokens) -> Span {
    Span::call_site().located_at(tokens.span())
}
