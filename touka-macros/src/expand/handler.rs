//! `#[sse_handler]`: the body moves into a stream, word for word.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, Pat, PatType, Type};

use super::emit::emit;
use crate::model::{self, Handler};
use crate::runtime::{Runtime, located};

/// The function with its public signature, and its body as the body of a stream.
pub(crate) fn handler(handler: &Handler, runtime: &Runtime) -> TokenStream {
    let Handler { attrs, vis, .. } = handler;
    let output = handler.output().map_or_else(|| runtime.event_stream(), ToTokens::to_token_stream);
    let emitter = Ident::new("__touka_emitter", Span::mixed_site());
    let mut sig = handler.sig.clone();
    let (inputs, moves) = parameters(handler, &emitter);
    sig.inputs = inputs;
    sig.output = syn::parse_quote!(-> #output);

    // What is wrong with the return type is said there, and what is wrong with the body as a whole
    // at the function's name.
    let name = located(&sig.ident);
    let place = handler.output().map_or(name, located);
    let done = done(handler, place);
    let head = head(done.as_ref(), place);
    let emit = emit(handler, &emitter, runtime);
    let end = end(handler, done.as_ref(), runtime);
    let returns = runtime.private_at(place, "Returns");
    let body = quote! {
        #head
        #moves
        // A reference, so that nested `async move` blocks can emit as well.
        let #emitter = &#emitter;
        #emit
        #end
    };
    let closure = quote_spanned!(name=> move |#emitter| async move { #body });
    let run = quote_spanned!(place=> <#output as #returns>::start(#closure).await);
    quote! {
        #(#attrs)*
        #vis #sig { #run }
    }
}

/// What the body returns, if the return type is not an alias, whose end is found out later.
fn done(handler: &Handler, place: Span) -> Option<TokenStream> {
    match handler.output().filter(|output| !model::is_stream(output)) {
        None => Some(quote_spanned!(place=> ())),
        Some(output) => {
            let error = model::error(output)?;
            Some(quote_spanned!(place=> ::core::result::Result<(), #error>))
        }
    }
}

/// Tells the compiler first what the body returns, so that a wrong `return` in it is the mistake,
/// and not the right end.
fn head(done: Option<&TokenStream>, place: Span) -> Option<TokenStream> {
    let done = done?;
    Some(quote_spanned! {place=>
        #[allow(unreachable_code, clippy::all, clippy::pedantic)]
        if false {
            let done: #done = ::core::unreachable!();
            return done;
        }
    })
}

/// The body, and its value in the form that the stream takes.
fn end(handler: &Handler, done: Option<&TokenStream>, runtime: &Runtime) -> TokenStream {
    let body = &handler.body;
    // What is wrong with the value is said where the body ends.
    let at = Span::call_site().located_at(last(body));
    let value = Ident::new("__touka_value", Span::mixed_site().located_at(at));
    if handler.output().is_none_or(model::is_stream) {
        return quote! {
            let #value: () = #body;
            #[allow(unreachable_code, clippy::needless_return)]
            return #value;
        };
    }
    // With `Result`, the body may end with nothing, with `Ok(())`, or never.
    let finish = runtime.private_at(at, "finish");
    let done = done.map_or_else(|| quote!(_), ToTokens::to_token_stream);
    let finished = quote_spanned!(at=> #finish::<#done, _>(#value));
    quote! {
        let #value = #body;
        #[allow(unreachable_code, clippy::needless_return, clippy::unit_arg)]
        return #finished;
    }
}

/// The place where a body ends: its last word, or its brace.
fn last(body: &Group) -> Span {
    match body.stream().into_iter().last() {
        // What a `macro_rules!` captured as a block is a group around a group.
        Some(TokenTree::Group(inner)) if body.delimiter() == Delimiter::None => last(&inner),
        Some(TokenTree::Punct(punct)) if punct.as_char() == ';' => body.span_close(),
        Some(token) => token.span(),
        None => body.span_close(),
    }
}

/// The parameters of the public signature, and the statements that bring them into the body.
///
/// All of them move, also those that the body never mentions: a permit or a guard is held until
/// the stream ends, as it would be in an ordinary async function.
fn parameters(handler: &Handler, emitter: &Ident) -> (syn::punctuated::Punctuated<FnArg, syn::Token![,]>, TokenStream) {
    let mut moves = TokenStream::new();
    let mut inputs = syn::punctuated::Punctuated::new();
    for input in &handler.sig.inputs {
        let FnArg::Typed(param) = input else {
            inputs.push(input.clone());
            continue;
        };
        let PatType { attrs, pat, ty, .. } = param;
        if model::is_emitter(param) {
            let borrowed = matches!(&**ty, Type::Reference(_));
            let value = if borrowed { quote!(&#emitter) } else { quote!(::core::clone::Clone::clone(&#emitter)) };
            // Located at the type, which is what can be wrong about it.
            let own = Ident::new("__touka_own", Span::mixed_site().located_at(ty.span()));
            moves.extend(quote!(let #own = #value; #(#attrs)* let #pat: #ty = #own;));
            continue;
        }
        let outer = match &**pat {
            Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => ident.ident.clone(),
            _ => readable_name(handler, ty),
        };
        // `mut` belongs to the body's own variable; on the outer one it would be unused.
        let cfg = attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
        inputs.push(syn::parse_quote!(#(#cfg)* #outer: #ty));
        // A name like `_guard` is used here, and only here.
        moves.extend(quote! {
            #[allow(clippy::no_effect_underscore_binding, clippy::used_underscore_binding)]
            #(#attrs)*
            let #pat = #outer;
        });
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
        let alike =
            |other: &&PatType| model::name(other).is_none() && model::last_ident(&other.ty) == model::last_ident(ty);
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
