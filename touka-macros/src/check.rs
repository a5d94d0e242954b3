//! The rules that look at more than one part of a function. One rule, one function.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{FnArg, ReceiverKind, Type};

use crate::diagnostics::{Diagnostics, did_you_mean};
use crate::keyword::{EMITTER, SSE_HANDLER, YIELD};
use crate::model::{self, Handler};
use crate::path::RoutePath;

/// Every rule of `#[sse_handler]`.
pub(crate) fn handler(handler: &Handler, diagnostics: &mut Diagnostics) {
    is_async(handler, "sse_handler", diagnostics);
    returns_a_stream(handler, diagnostics);
    owns_its_parameters(handler, diagnostics);
    one_emitter(handler, diagnostics);
    no_yield(handler, diagnostics);
}

/// Every rule of `#[route]`.
pub(crate) fn route(handler: &Handler, path: Option<&RoutePath>, diagnostics: &mut Diagnostics) {
    is_async(handler, "route", diagnostics);
    is_free(handler, diagnostics);
    is_not_generic(handler, diagnostics);
    emits_somewhere(handler, diagnostics);
    if let Some(path) = path {
        captures_have_parameters(handler, path, diagnostics);
        plain_values_have_captures(handler, path, diagnostics);
    }
}

/// A handler is an `async fn`: it is awaited, and so is each emit.
///
/// With both attributes on a function, the outer one is the one to say so.
fn is_async(handler: &Handler, attribute: &str, diagnostics: &mut Diagnostics) {
    let said_by_the_other = attribute == "route" && handler.has_attribute(SSE_HANDLER);
    if handler.sig.asyncness.is_none() && !said_by_the_other {
        let name = &handler.sig.ident;
        diagnostics.error(
            handler.sig.fn_token,
            format!("#[{attribute}] goes on an async function: write `async fn {name}`"),
        );
    }
}

/// The return type is left out, or is a stream, or a `Result` of one. A type whose name is not
/// known here may be an alias, so it is left to the compiler.
fn returns_a_stream(handler: &Handler, diagnostics: &mut Diagnostics) {
    const ALLOWED: &str = "leave the return type out, or write `EventStream`, `EventStream<T>` or `Result<EventStream<T>, E>`";
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
                diagnostics.error(receiver, "the stream outlives this call, so it cannot borrow `self`: take `self` or `self: Arc<Self>`");
            }
            FnArg::Typed(param) if !model::is_emitter(param) => {
                if let Type::Reference(reference) = &*param.ty {
                    let text = "the stream outlives this call, so a parameter owns its value: take it without the `&`";
                    diagnostics.error(reference, text);
                }
            }
            _ => {}
        }
    }
}

/// There is one emitter, and clones of it are for the asking.
fn one_emitter(handler: &Handler, diagnostics: &mut Diagnostics) {
    for extra in handler.params().filter(|param| model::is_emitter(param)).skip(1) {
        diagnostics.error(extra, "a handler has one emitter: clone it instead of taking it twice");
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

/// Only `#[sse_handler]` gives a function an emitter.
fn emits_somewhere(handler: &Handler, diagnostics: &mut Diagnostics) {
    if handler.has_attribute(SSE_HANDLER) {
        return;
    }
    for param in handler.params().filter(|param| model::is_emitter(param)) {
        diagnostics.error(param, format!("an `{EMITTER}` is given by #[sse_handler]: add that attribute"));
    }
}

/// Each capture has the parameter that takes it.
fn captures_have_parameters(handler: &Handler, path: &RoutePath, diagnostics: &mut Diagnostics) {
    let names: Vec<String> = handler.params().filter_map(model::name).map(ToString::to_string).collect();
    for capture in path.captures.iter().filter(|capture| !names.contains(capture)) {
        let free = names.iter().map(String::as_str).filter(|name| !path.captures.iter().any(|known| known == name));
        let hint = did_you_mean(capture, free);
        let name = &handler.sig.ident;
        diagnostics.error(
            &path.literal,
            format!("no parameter of `{name}` takes the capture `{{{capture}}}`{hint} Add `{capture}: String`, or a type of yours that is `FromStr`"),
        );
    }
    for param in handler.params() {
        let is_capture = model::name(param).is_some_and(|name| path.captures.iter().any(|capture| name == capture));
        if let (true, Type::Reference(reference)) = (is_capture, &*param.ty) {
            let text = "a captured value is owned: take `String` instead of `&str`, or another type without the `&`";
            diagnostics.error(reference, text);
        }
    }
}

/// A number or a flag cannot come from anywhere but a capture.
fn plain_values_have_captures(handler: &Handler, path: &RoutePath, diagnostics: &mut Diagnostics) {
    const PLAIN: [&str; 16] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize",
    ];
    for param in handler.params() {
        let Some(name) = model::name(param) else { continue };
        let Some(ty) = model::last_ident(&param.ty) else { continue };
        if PLAIN.iter().any(|plain| ty == plain) && !path.captures.iter().any(|capture| name == capture) {
            let hint = did_you_mean(&name.to_string(), path.captures.iter().map(String::as_str));
            let text = format!(
                "`{name}` is neither a capture of {:?} nor an extractor{hint} Add `{{{name}}}` to the path, or take an extractor",
                path.literal.value()
            );
            diagnostics.error(param, text);
        }
    }
}

/// The tokens of a handler's body are a block.
pub(crate) fn is_block(handler: &Handler) -> bool {
    matches!(handler.body.delimiter(), Delimiter::Brace | Delimiter::None)
}
