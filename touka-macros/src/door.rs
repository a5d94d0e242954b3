//! From an attribute's tokens to its expansion: the stages in their order.

use proc_macro2::TokenStream;
use quote::quote;

use crate::args::{HandlerArgs, RouteArgs};
use crate::diagnostics::Diagnostics;
use crate::model::Handler;
use crate::path::RoutePath;
use crate::runtime::Runtime;
use crate::{check, expand, fallback};

pub(crate) fn sse_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let args = HandlerArgs::parse(args, &mut diagnostics);
    let Some(handler) = function(&item, "sse_handler", &mut diagnostics) else {
        return with_errors(diagnostics, item);
    };
    let runtime = Runtime::new(args.krate.as_ref());
    check::handler(&handler, &mut diagnostics);
    match diagnostics.finish() {
        None => expand::handler(&handler, &runtime),
        Some(errors) => {
            let stub = fallback::handler(&handler, &runtime);
            quote!(#errors #stub)
        }
    }
}

pub(crate) fn route(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let args = RouteArgs::parse(args, &mut diagnostics);
    let Some(handler) = function(&item, "route", &mut diagnostics) else {
        return with_errors(diagnostics, item);
    };
    let runtime = Runtime::new(args.krate.as_ref());
    let path = args.path.map(|literal| RoutePath::parse(literal, &mut diagnostics));
    check::route(&handler, path.as_ref(), &mut diagnostics);
    match (diagnostics.finish(), args.method, path) {
        (None, Some(method), Some(path)) => expand::route(&handler, &method, &path, &runtime),
        (errors, ..) => {
            let stub = fallback::route(&handler, &runtime);
            quote!(#errors #stub)
        }
    }
}

/// The annotated function, or the error that it is none.
fn function(item: &TokenStream, attribute: &str, diagnostics: &mut Diagnostics) -> Option<Handler> {
    let parsed = syn::parse2::<Handler>(item.clone());
    if parsed.as_ref().is_ok_and(check::is_block) {
        return parsed.ok();
    }
    // The parser's own words would speak of the token where it gave up.
    let text = format!("#[{attribute}] goes on an `async fn` with a body");
    let head = item.clone().into_iter().next().map_or_else(TokenStream::new, Into::into);
    diagnostics.error(head, text);
    None
}

/// The item as it is, beside its errors: what is no function is none of ours to change.
fn with_errors(diagnostics: Diagnostics, item: TokenStream) -> TokenStream {
    let errors = diagnostics.finish();
    quote!(#errors #item)
}
