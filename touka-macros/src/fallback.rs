//! The stub that a function with errors expands to. It has the same signature, so that the uses of the
//! function are not errors too.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{FnArg, Type};

use crate::keyword::{ROUTE, STUB};
use crate::model::{self, Handler};
use crate::runtime::Runtime;

/// The stub of an `#[sse_handler]`: an async function with the return type of the handler.
pub(crate) fn handler(handler: &Handler, runtime: &Runtime) -> TokenStream {
    let Handler { attrs, vis, sig, .. } = handler;
    let mut sig = sig.clone();
    sig.asyncness = Some(syn::Token![async](sig.fn_token.span));
    sig.inputs = sig.inputs.into_iter().filter(|input| !is_given(input)).collect();
    // A body that only diverges does not infer the type of an `impl Trait`.
    if handler.output().is_none_or(|output| matches!(output, Type::ImplTrait(_)) || model::returns_bool(output)) {
        let stream = runtime.event_stream();
        sig.output = syn::parse_quote!(-> #stream);
    }
    let mark = handler.has_attribute(ROUTE).then(|| quote!(#[doc = #STUB]));
    // The types of removed parameters stay in use, so that their imports are not reported as unused.
    let given = handler.params().filter(|param| model::given(param).is_some()).map(|param| &param.ty);
    quote! {
        #mark
        #(#attrs)*
        #[allow(unused, clippy::all, clippy::pedantic)]
        #vis #sig {
            #(let _ = ::core::option::Option::<#given>::None;)*
            ::core::unreachable!("this handler did not compile")
        }
    }
}

fn is_given(input: &FnArg) -> bool {
    matches!(input, FnArg::Typed(param) if model::given(param).is_some())
}

/// The stub of a `#[route]`: the unchanged function, and the hidden type for `routes!`.
pub(crate) fn route(handler: &Handler, describes: bool, runtime: &Runtime) -> TokenStream {
    let name = &handler.sig.ident;
    let vis = &handler.vis;
    let (route, state) = (runtime.private("Route"), format_ident!("S"));
    let function = handler.to_token_stream();
    if handler.sig.receiver().is_some() {
        // A method is in an `impl`, which cannot contain a struct.
        return function;
    }
    let described = describes.then(|| {
        quote! {
            #[doc(hidden)]
            #[allow(dead_code)]
            pub fn __touka_described_route<#state>() -> #route<#state> {
                ::core::unreachable!("this route did not compile")
            }
        }
    });
    quote! {
        #function
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
        #vis struct #name {}
        impl #name {
            #[doc(hidden)]
            #[allow(dead_code)]
            pub fn __touka_route<#state>() -> #route<#state> {
                ::core::unreachable!("this route did not compile")
            }

            #described
        }
    }
}
