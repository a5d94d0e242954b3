//! The local `emit!` of a handler's body.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;

use crate::keyword::EMIT;
use crate::model::{self, Handler};
use crate::runtime::Runtime;

/// Who takes the events of a body.
#[derive(Clone, Copy)]
pub(super) enum By {
    Emitter,
    Sender,
    /// Nobody that can be awaited.
    Nobody,
}

/// The macros that only the body can see.
///
/// It is one macro, unless the function was made by a `macro_rules!` whose caller wrote some of the
/// body: macro names are hygienic, so the `emit!` of each author needs a definition of its own.
pub(super) fn emit(handler: &Handler, hand: &Ident, by: By, runtime: &Runtime) -> TokenStream {
    let hand_over = match by {
        By::Emitter => quote!(_ = #hand.emit(event).await;),
        // When the stream is gone, the task is aborted at this await.
        By::Sender => quote!(_ = #hand.send(event).await;),
        By::Nobody => {
            quote!(::core::compile_error!("in a plain function, send with the `EventSender`: events.blocking_send(event)");)
        }
    };
    let value = value(handler, hand, by, runtime);
    define(handler.body.stream(), &quote!(#value #hand_over))
}

/// The same for any body, where it is known how a value becomes an event and is handed over.
pub(super) fn define(body: TokenStream, value: &TokenStream) -> TokenStream {
    let mut names = vec![Ident::new(EMIT, Span::call_site())];
    authors(body, &mut names);
    names.iter().map(|name| definition(name, value)).collect()
}

/// Adds an `emit` of each author.
fn authors(tokens: TokenStream, names: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == EMIT && names.iter().all(|known| author(known) != author(&ident)) => {
                names.push(ident);
            }
            TokenTree::Group(group) => authors(group.stream(), names),
            _ => {}
        }
    }
}

/// Tells authors apart. Only the text of a span does, which is no promise: should it change, there
/// are more definitions than needed, and all of them still work.
fn author(ident: &Ident) -> String {
    let span = format!("{:?}", ident.span());
    span.split(" bytes").next().unwrap_or_default().to_owned()
}

/// What brings `$event` into the form that the stream takes.
///
/// A `let` of the user's own type makes a wrong value a plain mismatch between the two.
fn value(handler: &Handler, hand: &Ident, by: By, runtime: &Runtime) -> TokenStream {
    if let Some(item) = handler.params().find_map(model::given_item) {
        return quote!(let event: #item = $event;);
    }
    let output = handler.output().filter(|output| !model::returns_bool(output));
    let Some(output) = output else { return untyped(runtime) };
    let stream = model::stream(output);
    if model::untyped(stream) {
        return untyped(runtime);
    }
    if let Some(item) = model::item(stream) {
        return quote!(let event: #item = $event;);
    }
    // An alias: only the compiler knows what is behind it.
    match by {
        By::Emitter => {
            let item = runtime.private("item");
            quote!(let event = #item(#hand, $event);)
        }
        By::Sender | By::Nobody => quote!(let event = $event;),
    }
}

fn untyped(runtime: &Runtime) -> TokenStream {
    let event = runtime.private("event");
    quote!(let event = #event($event);)
}

fn definition(name: &Ident, value: &TokenStream) -> TokenStream {
    quote! {
        #[allow(unused_macros)]
        macro_rules! #name {
            ($event:expr $(,)?) => {{
                #value
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
