//! The function that makes a route with its description, for `contract!`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

use super::handler;
use crate::docs;
use crate::keyword::SSE_HANDLER;
use crate::model::Handler;
use crate::options::Options;
use crate::runtime::{Runtime, located};

/// The source of a parameter.
pub(super) enum Source {
    Capture(String),
    Query(String),
    Extractor,
}

/// The bounds that the description adds, and the statements of it.
pub(super) struct Described {
    pub(super) bounds: Vec<TokenStream>,
    /// The variable of the statements. A pattern would match against a constant of the user's that has its name.
    pub(super) operation: Ident,
    pub(super) describe: TokenStream,
}

/// `sources` are the parameters with their types, and `end` the event that marks a normal end.
pub(super) fn expand(
    handler: &Handler,
    options: &Options,
    sources: &[(Source, &Type)],
    end: Option<&syn::LitStr>,
    state: &Ident,
    runtime: &Runtime,
) -> Described {
    let (mut bounds, mut describe) = (Vec::new(), TokenStream::new());
    let operation = Ident::new("__touka_operation", Span::call_site());
    let (about, doc, deprecated) =
        (runtime.private("describe_handler"), docs::text(&handler.attrs), docs::is_deprecated(&handler.attrs));
    describe.extend(quote!(#about(#operation, #doc, #deprecated);));
    for (source, ty) in sources {
        let at = located(ty);
        let private = |name| runtime.private_at(at, name);
        let bound =
            private(if matches!(source, Source::Extractor) { "DescribedRequest" } else { "DescribedParameter" });
        let call = match source {
            Source::Capture(name) => quote_spanned!(at=> capture(#operation, #name)),
            Source::Query(name) => quote_spanned!(at=> query(#operation, #name)),
            Source::Extractor => quote_spanned!(at=> describe(#operation)),
        };
        bounds.push(quote_spanned!(at=> #ty: #bound<#state>,));
        describe.extend(quote_spanned!(at=> <#ty as #bound<#state>>::#call;));
    }
    if let Some(end) = end {
        let ends = runtime.private("describe_end");
        describe.extend(quote!(#ends(#operation, #end);));
    }
    if options.is_detached() {
        let runs = runtime.private("describe_run");
        describe.extend(quote!(#runs(#operation);));
    }
    if let Some(output) = output(handler, options, runtime) {
        let at = handler.output().map_or_else(|| located(&handler.sig.ident), located);
        let bound = runtime.bound_at(at, "DescribedResponse");
        bounds.push(quote_spanned!(at=> #output: #bound<#state>,));
        describe.extend(quote_spanned!(at=> <#output as #bound<#state>>::describe(#operation);));
    }
    Described { bounds, operation, describe }
}

/// The return type. `None` if it has no name, so that nothing can be said about it.
fn output(handler: &Handler, options: &Options, runtime: &Runtime) -> Option<TokenStream> {
    let output = if handler.has_attribute(SSE_HANDLER) {
        handler::output(handler, &options.mode, runtime)
    } else {
        handler.output().map_or_else(|| quote!(()), ToTokens::to_token_stream)
    };
    (!is_opaque(output.clone())).then_some(output)
}

/// Whether the type is, or has in it, an `impl Trait`.
fn is_opaque(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => is_opaque(group.stream()),
        _ => false,
    })
}
