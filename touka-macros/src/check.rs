//! The rules that concern more than one part of a function, one function for each.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, ReceiverKind, Type};

use crate::closures;
use crate::diagnostics::Diagnostics;
use crate::keyword::{EMITTER, EVENT_SENDER, EVENT_WRITER, ROUTE, SSE_HANDLER, YIELD};
use crate::model::{self, Given, Handler};
use crate::options::{Mode, Options, Setting};
use crate::path::RoutePath;
use crate::{placeholders, runs};

/// Applies the rules of `#[sse_handler]`.
pub(crate) fn handler(handler: &Handler, options: &Options, diagnostics: &mut Diagnostics) {
    // In the channel mode, a plain function runs on a thread of its own.
    if !matches!(options.mode, Mode::Channel(..)) {
        is_async(handler, SSE_HANDLER, diagnostics);
    }
    match &options.mode {
        Mode::Callback(_) => returns_bool(handler, diagnostics),
        Mode::Generator | Mode::Channel(..) | Mode::Detached(..) => returns_a_stream(handler, diagnostics),
    }
    parameters_are_owned(handler, diagnostics);
    takes_the_parameter_of_its_mode(handler, &options.mode, diagnostics);
    error_options_need_a_result(handler, options, diagnostics);
    runs::check(handler, options, diagnostics);
    no_yield(handler, diagnostics);
    closures::check(handler.body.stream(), diagnostics);
}

/// Applies the rules of `#[route]`.
pub(crate) fn route(handler: &Handler, path: Option<&RoutePath>, diagnostics: &mut Diagnostics) {
    is_async(handler, ROUTE, diagnostics);
    is_free(handler, diagnostics);
    is_not_generic(handler, diagnostics);
    emitters_need_sse_handler(handler, diagnostics);
    parameters_are_unconditional(handler, diagnostics);
    if let Some(path) = path.filter(|path| path.legible) {
        placeholders::check(handler, path, diagnostics);
    }
}

/// A handler is an `async fn`.
///
/// If a function has both attributes, only one of them reports this.
fn is_async(handler: &Handler, attribute: &str, diagnostics: &mut Diagnostics) {
    let reported_by_other = attribute == ROUTE && handler.has_attribute(SSE_HANDLER);
    if handler.sig.asyncness.is_none() && !reported_by_other {
        let name = &handler.sig.ident;
        diagnostics.error(
            handler.sig.fn_token,
            format!("`#[{attribute}]` goes on an async function: write `async fn {name}`"),
        );
    }
}

/// The return type is omitted, a stream, or a `Result` of one. A type of another name may be an alias, so the
/// compiler checks it.
fn returns_a_stream(handler: &Handler, diagnostics: &mut Diagnostics) {
    const ALLOWED: &str =
        "omit the return type, or write `EventStream`, `EventStream<T>` or `Result<EventStream<T>, E>`";
    let Some(output) = handler.output() else { return };
    let stream = model::stream(output);
    match stream {
        Type::ImplTrait(_) => diagnostics.error(stream, format!("a handler cannot return `impl Trait`: {ALLOWED}")),
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

/// The body lives as long as the stream, so its parameters cannot borrow.
fn parameters_are_owned(handler: &Handler, diagnostics: &mut Diagnostics) {
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
                    let text = "the stream outlives this call, so its parameters cannot borrow: take an owned value, such as `String` instead of `&str`";
                    diagnostics.error(borrow, text);
                }
            }
            _ => {}
        }
    }
}

/// The tokens of the first borrow in a type: a `&`, or a lifetime other than `'static`.
fn borrow(ty: TokenStream) -> Option<TokenStream> {
    let mut tokens = ty.into_iter().peekable();
    let mut after_a_word = false;
    while let Some(token) = tokens.next() {
        let is_word = matches!(token, TokenTree::Ident(_));
        match &token {
            // The lifetimes of `for<'a> Fn(&'a str)` and of `Fn(&str)` are not borrows of the parameter.
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

/// Each mode provides one kind of parameter. A parameter of another kind belongs to another mode.
fn takes_the_parameter_of_its_mode(handler: &Handler, mode: &Mode, diagnostics: &mut Diagnostics) {
    let wanted = match mode {
        Mode::Generator | Mode::Detached(..) => Given::Emitter,
        Mode::Callback(_) => Given::Writer,
        Mode::Channel(..) => Given::Sender,
    };
    let mut found = false;
    for param in handler.params() {
        let Some(given) = model::given(param) else { continue };
        if given != wanted {
            let text = match (mode, given) {
                (Mode::Generator, Given::Writer) => {
                    "an `EventWriter` needs the callback mode: write `#[sse_handler(callback)]`"
                }
                (Mode::Detached(..), _) => {
                    "a detached handler emits with `emit!`, or with an `Emitter`: take `out: Emitter`"
                }
                (Mode::Generator, _) => "an `EventSender` needs the channel mode: write `#[sse_handler(channel = 32)]`",
                (Mode::Callback(_), _) => "a callback writes to an `EventWriter`: take `out: &mut EventWriter`",
                (Mode::Channel(..), _) => {
                    "in the channel mode, events are sent with an `EventSender`: take `events: EventSender`"
                }
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
            diagnostics.error(
                name,
                "in the channel mode, events are sent with an `EventSender`: add the parameter `events: EventSender`",
            );
        }
        _ => {}
    }
}

/// A callback returns whether to call it again.
fn returns_bool(handler: &Handler, diagnostics: &mut Diagnostics) {
    const REMEDY: &str = "a callback returns whether to call it again: write `-> bool` or `-> Result<bool, E>`";
    match handler.output() {
        None => diagnostics.error(&handler.sig.ident, REMEDY),
        Some(output) if !model::returns_bool(output) => diagnostics.error(output, REMEDY),
        Some(_) => {}
    }
}

/// The options about errors need a handler that can fail. An alias may be a `Result`, so the compiler checks it.
fn error_options_need_a_result(handler: &Handler, options: &Options, diagnostics: &mut Diagnostics) {
    let infallible = handler.output().is_none_or(|output| model::is_stream(output) || model::is_bool(output));
    for (name, setting) in &options.settings {
        if infallible && matches!(setting, Setting::OpenAfter(_) | Setting::OnError(_)) {
            let text =
                format!("`{name}` needs a handler that can fail: return a `Result`, as in `-> Result<EventStream, E>`");
            diagnostics.error(name, text);
        }
    }
}

/// The compiler rejects `yield` in a function with an attribute, so the remedy is reported here.
fn no_yield(handler: &Handler, diagnostics: &mut Diagnostics) {
    find_yield(handler.body.stream(), diagnostics);
}

fn find_yield(tokens: TokenStream, diagnostics: &mut Diagnostics) {
    let mut in_macro_call = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == YIELD => {
                diagnostics.error(&ident, "`yield` does not work in a function with an attribute: write `emit!(…)`");
                in_macro_call = false;
            }
            // The arguments of a macro are not necessarily Rust.
            TokenTree::Group(_) if in_macro_call => in_macro_call = false,
            TokenTree::Group(group) => find_yield(group.stream(), diagnostics),
            TokenTree::Punct(punct) => in_macro_call = punct.as_char() == '!',
            _ => {}
        }
    }
}

/// A route is a free function: there is no value to call a method on.
fn is_free(handler: &Handler, diagnostics: &mut Diagnostics) {
    if let Some(receiver) = handler.sig.receiver() {
        diagnostics.error(receiver, "a route cannot take `self`: take its data as `State`");
    }
}

/// A route is not generic: its type arguments could not be inferred.
fn is_not_generic(handler: &Handler, diagnostics: &mut Diagnostics) {
    if !handler.sig.generics.params.is_empty() {
        let text = "a route cannot be generic: call the generic function from one that is not";
        diagnostics.error(&handler.sig.generics, text);
    }
}

/// A parameter has no `#[cfg]`: the code that reads it is generated before the `#[cfg]` is evaluated.
fn parameters_are_unconditional(handler: &Handler, diagnostics: &mut Diagnostics) {
    for attr in handler.params().flat_map(|param| &param.attrs).filter(|attr| attr.path().is_ident("cfg")) {
        diagnostics
            .error(attr, "a parameter of a route cannot be conditional: put the `#[cfg(…)]` on two separate functions");
    }
}

/// A parameter that `#[sse_handler]` provides needs that attribute.
fn emitters_need_sse_handler(handler: &Handler, diagnostics: &mut Diagnostics) {
    if handler.has_attribute(SSE_HANDLER) {
        return;
    }
    for param in handler.params() {
        let (what, attribute) = match model::given(param) {
            None => continue,
            Some(Given::Emitter) => (EMITTER, "`#[sse_handler]`"),
            Some(Given::Writer) => (EVENT_WRITER, "`#[sse_handler(callback)]`"),
            Some(Given::Sender) => (EVENT_SENDER, "`#[sse_handler(channel = 32)]`"),
        };
        diagnostics.error(param, format!("an `{what}` is provided by {attribute}: add that attribute"));
    }
}

/// Whether the body is a block.
pub(crate) fn is_block(handler: &Handler) -> bool {
    matches!(handler.body.delimiter(), Delimiter::Brace | Delimiter::None)
}
