//! `#[sse_handler]`: the body moves into a stream, word for word.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Pat, PatType, Type};

use crate::keyword::EMIT;
use crate::model::{self, Handler};
use crate::runtime::Runtime;

/// The function with its public signature, and its body as the body of a stream.
pub(crate) fn handler(handler: &Handler, runtime: &Runtime) -> TokenStream {
    let Handler { attrs, vis, body, .. } = handler;
    let default = runtime.event_stream();
    let output = handler.output().map_or_else(|| default.clone(), ToTokens::to_token_stream);
    let untyped = handler.output().is_none_or(|output| model::untyped(model::stream(output)));
    let fallible = handler.output().is_some_and(model::fallible);

    let emitter = Ident::new("__touka_emitter", Span::mixed_site());
    let mut sig = handler.sig.clone();
    let (inputs, moves) = parameters(handler, &emitter);
    sig.inputs = inputs;
    sig.output = syn::parse_quote!(-> #output);

    let returns = runtime.private("Returns");
    // The remedy for a wrong return type is on the trait; the span makes it point at the type.
    let item = quote_spanned!(output.span()=> <#output as #returns>::Item);
    let done_type = quote_spanned!(output.span()=> <#output as #returns>::Done);
    let emit = emit(&emitter, &item, untyped, runtime);
    let run = run(body, &done_type, fallible, runtime);
    let start = runtime.private("start");
    let start = quote_spanned!(output.span()=> #start::<#output, _, _>);
    quote! {
        #(#attrs)*
        #vis #sig {
            #start(move |#emitter| async move {
                #moves
                // A reference, so that nested `async move` blocks can emit as well.
                let #emitter = &#emitter;
                #emit
                #run
            }).await
        }
    }
}

/// The parameters of the public signature, and the statements that bring them into the body.
///
/// All of them move, also those that the body never mentions: a permit or a guard is held until
/// the stream ends, as it would be in an ordinary async function.
fn parameters(
    handler: &Handler,
    emitter: &Ident,
) -> (syn::punctuated::Punctuated<FnArg, syn::Token![,]>, TokenStream) {
    let mut moves = TokenStream::new();
    let mut inputs = syn::punctuated::Punctuated::new();
    for input in &handler.sig.inputs {
        let FnArg::Typed(param) = input else {
            inputs.push(input.clone());
            continue;
        };
        let PatType { attrs, pat, ty, .. } = param;
        if model::is_emitter(param) {
            let value = match &**ty {
                Type::Reference(_) => quote!(&#emitter),
                _ => quote!(::core::clone::Clone::clone(&#emitter)),
            };
            moves.extend(quote!(#(#attrs)* let #pat: #ty = #value;));
            continue;
        }
        let outer = match &**pat {
            Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => ident.ident.clone(),
            _ => readable_name(handler, ty),
        };
        // `mut` belongs to the body's own variable; on the outer one it would be unused.
        inputs.push(syn::parse_quote!(#outer: #ty));
        moves.extend(quote!(#(#attrs)* let #pat = #outer;));
    }
    (inputs, moves)
}

/// A name for a parameter that is written as a pattern: `state` for `State(app): State<App>`. It
/// shows in the documentation and nowhere else: its span keeps it out of the body's reach.
fn readable_name(handler: &Handler, ty: &Type) -> Ident {
    let mut name = String::new();
    let typed = model::last_ident(ty).map_or_else(|| "value".to_owned(), ToString::to_string);
    for letter in typed.trim_start_matches("r#").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    let taken = |name: &str| {
        let same = |other: &PatType| model::name(other).is_some_and(|other| other == name);
        let alike = |other: &&PatType| model::name(other).is_none() && model::last_ident(&other.ty) == model::last_ident(ty);
        handler.params().any(same) || handler.params().filter(alike).count() > 1
    };
    if taken(&name) {
        // Two of a kind: tell them apart by where they stand.
        let place = handler.params().position(|other| std::ptr::eq(&raw const *other.ty, ty)).unwrap_or_default();
        name = format!("{name}_{place}");
    }
    match syn::parse_str::<Ident>(&name) {
        Ok(_) => Ident::new(&name, Span::mixed_site()),
        Err(_) => format_ident!("{name}_", span = Span::mixed_site()),
    }
}

/// The local `emit!`, which only the body can see.
fn emit(emitter: &Ident, item: &TokenStream, untyped: bool, runtime: &Runtime) -> TokenStream {
    // Of the call site: the user writes this word.
    let emit = Ident::new(EMIT, Span::call_site());
    let value = if untyped {
        let event = runtime.private("event");
        quote!(#event($event))
    } else {
        // Makes a wrong type a plain mismatch at the user's expression.
        quote!(::core::convert::identity::<#item>($event))
    };
    quote! {
        #[allow(unused_macros)]
        macro_rules! #emit {
            ($event:expr $(,)?) => {{
                #emitter.emit(#value).await;
            }};
            () => {
                ::core::compile_error!("emit! hands over an event: write emit!(event)")
            };
            ($first:expr, $($more:tt)+) => {
                ::core::compile_error!("emit! takes one event: call it once for each, or build one with Event::data(…).event(…)")
            };
        }
    }
}

/// The body, and its value in the form that the stream takes.
fn run(body: &proc_macro2::Group, done: &TokenStream, fallible: bool, runtime: &Runtime) -> TokenStream {
    let value = Ident::new("__touka_value", Span::mixed_site());
    if !fallible {
        return quote! {
            let #value: #done = #body;
            #[allow(unreachable_code, clippy::needless_return)]
            return #value;
        };
    }
    // With `Result`, the body may end with nothing, with `Ok(())`, or never.
    let finish = runtime.private("finish");
    quote! {
        let #value = #body;
        #[allow(unreachable_code, clippy::needless_return, clippy::unit_arg)]
        return #finish::<#done, _>(#value);
    }
}
