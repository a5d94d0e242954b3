//! The rules that look at more than one part of a function. One rule, one function.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, ReceiverKind, Type};

use crate::diagnostics::Diagnostics;
use crate::keyword::{EMITTER, EVENT_SENDER, EVENT_WRITER, ROUTE, SSE_HANDLER, YIELD};
use crate::model::{self, Given, Handler};
use crate::options::{Mode, Options, Setting};
use crate::path::RoutePath;
use crate::placeholders;

/// Every rule of `#[sse_handler]`.
pub(crate) fn handler(handler: &Handler, options: &Options, diagnostics: &mut Diagnostics) {
    // On a thread of its own, a plain function is the point.
    if !matches!(options.mode, Mode::Channel(..)) {
        is_async(handler, SSE_HANDLER, diagnostics);
    }
    match &options.mode {
        Mode::Callback(_) => says_whether_to_go_on(handler, diagnostics),
        Mode::Generator | Mode::Channel(..) => returns_a_stream(handler, diagnostics),
    }
    owns_its_parameters(handler, diagnostics);
    takes_what_its_mode_gives(handler, &options.mode, diagnostics);
    fails_where_that_is_set(handler, options, diagnostics);
    no_yield(handler, diagnostics);
}

/// Every rule of `#[route]`.
pub(crate) fn route(handler: &Handler, path: Option<&RoutePath>, diagnostics: &mut Diagnostics) {
    is_async(handler, ROUTE, diagnostics);
    is_free(handler, diagnostics);
    is_not_generic(handler, diagnostics);
    emits_somewhere(handler, diagnostics);
    has_the_same_parameters_everywhere(handler, diagnostics);
    if let Some(path) = path.filter(|path| path.legible) {
        placeholders::check(handler, path, diagnostics);
    }
}

/// A handler is an `async fn`: it is awaited, and so is each emit.
///
/// With both attributes on a function, the outer one is the one to say so.
fn is_async(handler: &Handler, attribute: &str, diagnostics: &mut Diagnostics) {
    let said_by_the_other = attribute == ROUTE && handler.has_attribute(SSE_HANDLER);
    if handler.sig.asyncness.is_none() && !said_by_the_other {
        let name = &handler.sig.ident;
        diagnostics
            .error(handler.sig.fn_token, format!("#[{attribute}] goes on an async function: write `async fn {name}`"));
    }
}

/// The return type is left out, or is a stream, or a `Result` of one. A type whose name is not
/// known here may be an alias, so it is left to the compiler.
fn returns_a_stream(handler: &Handler, diagnostics: &mut Diagnostics) {
    const ALLOWED: &str =
        "leave the return type out, or write `EventStream`, `EventStream<T>` or `Result<EventStream<T>, E>`";
    let Some(output) = handler.output() else { return };
    let stream = model::stream(output);
    match stream {
        Type::ImplTrait(_) => diagnostics.error(stream, format!("a handler names its stream: {ALLOWED}")),
        Type::Reference(_) | Type::Tuple(_) | Type::Slice(_) | Type::Array(_) | Type::Never(_) => {
            diagnostics.error(stream, format!("a handler returns a stream of events: {ALLOWED}"));
        }
        _ => {
            let known = ["Sse", "String", "Response", "Json", "Html", "Event"];
            if let Some(name) = model::last_ident(stream).filter(|name| known.iter().any(|known| name == known)) {
                diagnostics.error(stream, format!("a handler returns a stream of events, not `{name}`: {ALLOWED}"));
            }
        }
    }
}

/// The body lives as long as its stream, so it cannot borrow from its caller.
fn owns_its_parameters(handler: &Handler, diagnostics: &mut Diagnostics) {
    for input in &handler.sig.inputs {
        match input {
            FnArg::Receiver(receiver) if matches!(receiver.kind, ReceiverKind::Reference(..)) => {
                diagnostics.error(
                    receiver,
                    "the stream outlives this call, so it cannot borrow `self`: take `self` or `self: Arc<Self>`",
                );
            }
            FnArg::Typed(param) if model::given(param).is_none() => {
                if let Some(borrow) = borrow(param.ty.to_token_stream()) {
                    let text = "the stream outlives this call, so its parameters cannot borrow: take an owned value, such as `String` for `&str`";
                    diagnostics.error(borrow, text);
                }
            }
            _ => {}
        }
    }
}

/// Where a type borrows: its `&`, or a lifetime that is not `'static`.
fn borrow(ty: TokenStream) -> Option<TokenStream> {
    let mut tokens = ty.into_iter().peekable();
    let mut after_a_word = false;
    while let Some(token) = tokens.next() {
        let is_word = matches!(token, TokenTree::Ident(_));
        match &token {
            // `for<'a> Fn(&'a str)` has lifetimes of its own, and `Fn(&str)` borrows when it is called.
            TokenTree::Ident(ident) if ident == "for" => return None,
            TokenTree::Group(group) if !after_a_word => {
                if let Some(found) = borrow(group.stream()) {
                    return Some(found);
                }
            }
            TokenTree::Punct(punct) if matches!(punct.as_char(), '&' | '\'') => {
                let amp = punct.as_char() == '&';
                if amp
                    && tokens.next_if(|next| matches!(next, TokenTree::Punct(tick) if tick.as_char() == '\'')).is_none()
                {
                    return Some(token.into());
                }
                if let Some(name) = tokens.next_if(|next| !matches!(next, TokenTree::Ident(name) if name == "static")) {
                    return Some(quote::quote!(#token #name));
                }
                tokens.next();
            }
            _ => {}
        }
        after_a_word = is_word;
    }
    None
}

/// Each mode gives the body one thing to hand its events to, and a body that takes another wants
/// another mode.
fn takes_what_its_mode_gives(handler: &Handler, mode: &Mode, diagnostics: &mut Diagnostics) {
    const WRITER: &str = "the callback mode gives an `EventWriter`";
    const SENDER: &str = "the channel mode gives an `EventSender`";
    let wanted = match mode {
        Mode::Generator => Given::Emitter,
        Mode::Callback(_) => Given::Writer,
        Mode::Channel(..) => Given::Sender,
    };
    let mut found = false;
    for param in handler.params() {
        let Some(given) = model::given(param) else { continue };
        if given != wanted {
            let text = match (mode, given) {
                (Mode::Generator, Given::Writer) => format!("{WRITER}: write #[sse_handler(callback)]"),
                (Mode::Generator, _) => format!("{SENDER}: write #[sse_handler(channel = 32)]"),
                (Mode::Callback(_), _) => format!("{WRITER}: take `out: &mut EventWriter`"),
                (Mode::Channel(..), _) => format!("{SENDER}: take `events: EventSender`"),
            };
            diagnostics.error(param, text);
        } else if found {
            let text = match wanted {
                Given::Emitter => "a handler has one emitter: clone it instead of taking it twice",
                Given::Writer => "a callback has one writer: take it once",
                Given::Sender => "a handler has one sender: clone it instead of taking it twice",
            };
            diagnostics.error(param, text);
        }
        found = true;
    }
    match mode {
        Mode::Callback(name) if !found => {
            diagnostics.error(name, "a callback writes to an `EventWriter`: add the parameter `out: &mut EventWriter`");
        }
        Mode::Channel(name, _) if !found => {
            diagnostics.error(name, "in the channel mode events are sent: add the parameter `events: EventSender`");
        }
        _ => {}
    }
}

/// A callback returns whether it is to be called again.
fn says_whether_to_go_on(handler: &Handler, diagnostics: &mut Diagnostics) {
    const REMEDY: &str = "a callback returns whether it is to be called again: write `-> bool` or `-> Result<bool, E>`";
    match handler.output() {
        None => diagnostics.error(&handler.sig.ident, REMEDY),
        Some(output) if !model::returns_bool(output) => diagnostics.error(output, REMEDY),
        Some(_) => {}
    }
}

/// Options about errors belong to handlers that can fail. An alias may hide a `Result`, so it is
/// left to the compiler.
fn fails_where_that_is_set(handler: &Handler, options: &Options, diagnostics: &mut Diagnostics) {
    let infallible = handler.output().is_none_or(|output| model::is_stream(output) || model::is_bool(output));
    for (name, setting) in &options.settings {
        if infallible && matches!(setting, Setting::OpenAfter(_) | Setting::OnError(_)) {
            let text = format!(
                "`{name}` is for a handler that can fail: let it return a `Result`, as in `-> Result<EventStream, E>`"
            );
            diagnostics.error(name, text);
        }
    }
}

/// `yield` cannot be used in an attributed function, and `emit!` is the word that does its work.
fn no_yield(handler: &Handler, diagnostics: &mut Diagnostics) {
    find_yield(handler.body.stream(), diagnostics);
}

fn find_yield(tokens: TokenStream, diagnostics: &mut Diagnostics) {
    let mut in_macro_call = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == YIELD => {
                diagnostics.error(&ident, "`yield` does not work in an attributed function: write `emit!(…)`");
                in_macro_call = false;
            }
            // What stands in the call of a macro is that macro's own language.
            TokenTree::Group(_) if in_macro_call => in_macro_call = false,
            TokenTree::Group(group) => find_yield(group.stream(), diagnostics),
            TokenTree::Punct(punct) => in_macro_call = punct.as_char() == '!',
            _ => {}
        }
    }
}

/// A route is made of a free function: there is no value to call a method on.
fn is_free(handler: &Handler, diagnostics: &mut Diagnostics) {
    if let Some(receiver) = handler.sig.receiver() {
        diagnostics.error(receiver, "a route is a function without `self`: take what it needs as `State`");
    }
}

/// A route is one function, and nothing says which of a generic one.
fn is_not_generic(handler: &Handler, diagnostics: &mut Diagnostics) {
    if !handler.sig.generics.params.is_empty() {
        let text = "a route cannot be generic: call the generic function from one that is not";
        diagnostics.error(&handler.sig.generics, text);
    }
}

/// What reads a parameter is generated before `#[cfg]` on it is decided.
fn has_the_same_parameters_everywhere(handler: &Handler, diagnostics: &mut Diagnostics) {
    for attr in handler.params().flat_map(|param| &param.attrs).filter(|attr| attr.path().is_ident("cfg")) {
        diagnostics
            .error(attr, "a parameter of a route cannot be conditional: put the `#[cfg(…)]` on two whole functions");
    }
}

/// Only `#[sse_handler]` gives a function an emitter.
fn emits_somewhere(handler: &Handler, diagnostics: &mut Diagnostics) {
    if handler.has_attribute(SSE_HANDLER) {
        return;
    }
    for param in handler.params() {
        let (what, attribute) = match model::given(param) {
            None => continue,
            Some(Given::Emitter) => (EMITTER, "#[sse_handler]"),
            Some(Given::Writer) => (EVENT_WRITER, "#[sse_handler(callback)]"),
            Some(Given::Sender) => (EVENT_SENDER, "#[sse_handler(channel = 32)]"),
        };
        diagnostics.error(param, format!("an `{what}` is given by {attribute}: add that attribute"));
    }
}

/// The tokens of a handler's body are a block.
pub(crate) fn is_block(handler: &Handler) -> bool {
    matches!(handler.body.delimiter(), Delimiter::Brace | Delimiter::None)
}
