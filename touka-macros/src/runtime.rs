//! Every path that generated code may name, in one place.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// Where generated code finds touka: `::touka`, or what the `crate` option says.
pub(crate) struct Runtime {
    root: TokenStream,
}

impl Runtime {
    pub(crate) fn new(root: Option<&syn::Path>) -> Self {
        Self { root: root.map_or_else(|| quote!(::touka), ToTokens::to_token_stream) }
    }

    /// A path inside the hidden module that belongs to the macros.
    pub(crate) fn private(&self, name: &str) -> TokenStream {
        let root = &self.root;
        let name = proc_macro2::Ident::new(name, proc_macro2::Span::call_site());
        quote!(#root::__private::#name)
    }

    /// The stream type of a handler that names none.
    pub(crate) fn event_stream(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::EventStream)
    }

    pub(crate) fn route(&self) -> TokenStream {
        let root = &self.root;
        quote!(#root::routing::Route)
    }
}
