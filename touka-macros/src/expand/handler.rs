//! The expansion of `#[sse_handler]`: the body moves into a stream, unchanged.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{FnArg, Pat, PatType, Type};

use super::mode;
use super::setting;
use crate::model::{self, Handler};
use crate::options::{Mode, Options};
use crate::runtime::{Runtime, located};

/// The function with its public signature, whose body returns the stream.
pub(crate) fn handler(handler: &Handler, options: &Options, runtime: &Runtime) -> TokenStream {
    let Handler { attrs, vis, .. } = handler;
    let output = output(handler, &options.mode, runtime);
    let mut sig = handler.sig.clone();
    let Parameters { inputs, moves, patterns } = parameters(handler, options);
    sig.inputs = inputs;
    sig.output = syn::parse_quote!(-> #output);
    // A handler is always awaited, also if its body runs on a thread of its own.
    sig.asyncness = Some(syn::Token![async](sig.fn_token.span));

    // Errors about the return type are located there.
    let place = handler.output().map_or_else(|| located(&sig.ident), located);
    let opens = setting::opens(options);
    let (start, body) = mode::run(handler, options, &moves, place, runtime);
    let trait_ = if opens { "Opens" } else { "Returns" };
    let start = if opens { format!("open_{start}") } else { start.to_owned() };
    let start = Ident::new(&start, place);
    let trait_ = runtime.private_at(place, trait_);
    let opening = setting::of_the_opening(options);
    let run = quote_spanned!(place=> <#output as #trait_>::#start(#body) #opening .await);
    let run = match setting::of_the_stream(options) {
        None => run,
        Some(set) => {
            let returns = runtime.private_at(place, "Returns");
            quote_spanned!(place=> <#output as #returns>::configure(#run, |stream| stream #set))
        }
    };
    let values = setting::evaluated(options, &patterns, runtime);
    quote! {
        #(#attrs)*
        #vis #sig { #values #run }
    }
}

/// The return type for callers: the written one, except in the callback mode, where that is the type of one
/// call.
pub(super) fn output(handler: &Handler, mode: &Mode, runtime: &Runtime) -> TokenStream {
    let given = || {
        let item = handler.params().find_map(model::given_item);
        let stream = runtime.event_stream();
        item.map_or_else(|| stream.clone(), |item| quote!(#stream<#item>))
    };
    match (mode, handler.output()) {
        (Mode::Generator | Mode::Detached(..), None) => runtime.event_stream(),
        (Mode::Generator | Mode::Detached(..) | Mode::Channel(..), Some(output)) => output.to_token_stream(),
        (Mode::Callback(_), Some(output)) if model::fallible(output) => syn::parse2(given())
            .map_or_else(|_| given(), |stream| model::with_stream(output, &stream).to_token_stream()),
        (Mode::Callback(_), _) | (Mode::Channel(..), None) => given(),
    }
}

/// The parameters in the expansion.
#[derive(Default)]
struct Parameters {
    /// The parameters of the public signature.
    inputs: syn::punctuated::Punctuated<FnArg, syn::Token![,]>,
    /// The statements that move the parameters into the body.
    ///
    /// All of them move, also those that the body does not use: a permit or a guard is held until the stream
    /// ends, as in an ordinary async function.
    moves: TokenStream,
    /// The statements that destructure patterns by reference, for the expressions of options.
    patterns: TokenStream,
}

fn parameters(handler: &Handler, options: &Options) -> Parameters {
    let Parameters { mut inputs, mut moves, mut patterns } = Parameters::default();
    let values = setting::values(options).map(|(_, value)| value.to_token_stream().to_string());
    let used: Vec<String> = values.chain(setting::placeholders(options)).collect();
    for input in &handler.sig.inputs {
        let FnArg::Typed(param) = input else {
            inputs.push(input.clone());
            continue;
        };
        if model::given(param).is_some() {
            continue;
        }
        let PatType { attrs, pat, ty, .. } = param;
        let cfg = attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
        let cfg = quote!(#(#cfg)*);
        let outer = match &**pat {
            Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => ident.ident.clone(),
            _ => {
                let name = readable_name(handler, ty);
                let borrowed = by_reference(pat, &name);
                patterns.extend(quote!(#[allow(unused_variables)] #cfg #borrowed));
                name
            }
        };
        // `mut` goes on the variable in the body; on the parameter it would be unused.
        inputs.push(syn::parse_quote!(#cfg #outer: #ty));
        // A parameter that an option uses need not be used by the body.
        let used = names(pat.to_token_stream()).any(|name| used.iter().any(|value| value.contains(&name)));
        let used = used.then(|| quote!(#[allow(unused_variables)]));
        // This statement uses names such as `_guard`.
        moves.extend(quote! {
            #[allow(clippy::no_effect_underscore_binding, clippy::used_underscore_binding)]
            #used
            #(#attrs)*
            let #pat = #outer;
        });
    }
    Parameters { inputs, moves, patterns }
}

/// The statement that destructures a parameter by reference, for the expressions of options.
pub(super) fn by_reference(pattern: &Pat, parameter: &Ident) -> TokenStream {
    let borrowed = without_modifiers(pattern.to_token_stream());
    quote!(let #borrowed = &#parameter;)
}

/// A pattern without `mut` and `ref`, which are not allowed where a reference is destructured.
fn without_modifiers(pattern: TokenStream) -> TokenStream {
    let keep = |token: TokenTree| match token {
        TokenTree::Ident(word) if word == "mut" || word == "ref" => None,
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), without_modifiers(group.stream()));
            inner.set_span(group.span());
            Some(inner.into())
        }
        token => Some(token),
    };
    pattern.into_iter().filter_map(keep).collect()
}

/// The identifiers of a pattern, which include the names that it binds.
fn names(pattern: TokenStream) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut rest: Vec<TokenTree> = pattern.into_iter().collect();
    while let Some(token) = rest.pop() {
        match token {
            TokenTree::Ident(word) => words.push(word.unraw().to_string()),
            TokenTree::Group(group) => rest.extend(group.stream()),
            _ => {}
        }
    }
    words.into_iter()
}

/// A name for a parameter that is written as a pattern: `state` for `State(app): State<App>`. It is visible
/// only in the documentation: its span is hygienic, so the body cannot name it.
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
        // Several parameters of one type: add the index.
        let place = handler.params().position(|other| std::ptr::eq(&raw const *other.ty, ty)).unwrap_or_default();
        name = format!("{name}_{place}");
    }
    match syn::parse_str::<Ident>(&name) {
        Ok(_) => Ident::new(&name, Span::mixed_site()),
        Err(_) => format_ident!("{name}_", span = Span::mixed_site()),
    }
}
