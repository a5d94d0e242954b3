//! The expansion of `sse!`: the body of a handler, as an expression.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use super::emit::define;
use crate::runtime::Runtime;

/// The stream of the body. Its event type is inferred from the context of the block.
pub(crate) fn sse(body: &TokenStream, runtime: &Runtime) -> TokenStream {
    let [emitter, value] = ["__touka_emitter", "__touka_value"].map(|name| Ident::new(name, Span::mixed_site()));
    let emitted = runtime.private("emitted");
    let hand_over = quote! {
        let event = #emitted(#emitter, $event);
        _ = #emitter.emit(event).await;
    };
    let emit = define(body.clone(), &hand_over);
    // Errors about the body as a whole are located at it, from its first token to its last.
    let [first, last] = [body.clone().into_iter().next(), body.clone().into_iter().last()]
        .map(|token| Span::mixed_site().located_at(token.as_ref().map_or_else(Span::call_site, TokenTree::span)));
    let block = quote! {
        // Fixes the return type first, so that a wrong `return` is the error.
        #[allow(unreachable_code, clippy::all, clippy::pedantic)]
        if false {
            let done: () = ::core::unreachable!();
            return done;
        }
        // A reference, so that nested `async move` blocks can emit as well.
        let #emitter = &#emitter;
        #emit
        let #value: () = { #body };
        #[allow(unreachable_code, clippy::needless_return)]
        return #value;
    };
    let mut block = Group::new(Delimiter::Brace, block);
    block.set_span(last);
    let start = quote_spanned!(first=> async move);
    stream(runtime, &quote!(move |#emitter| #start #block))
}

/// The stream of a body with errors, so that its use is not an error too.
pub(crate) fn stub(runtime: &Runtime) -> TokenStream {
    stream(runtime, &quote!(|_| async {}))
}

fn stream(runtime: &Runtime, body: &TokenStream) -> TokenStream {
    let block = runtime.private("block");
    // A literal without a suffix, whose type the compiler infers: see `Choice`.
    let choice = Literal::u8_unsuffixed(0);
    quote!(#block(#choice, #body))
}
