//! The rules about the placeholders of a route and the parameters of its function.

use syn::ext::IdentExt;
use syn::{GenericArgument, PathArguments, Type};

use crate::diagnostics::{Diagnostics, nearest};
use crate::keyword::SSE_HANDLER;
use crate::model::{self, Handler};
use crate::path::RoutePath;

/// Applies every rule.
pub(crate) fn check(handler: &Handler, path: &RoutePath, diagnostics: &mut Diagnostics) {
    placeholders_have_parameters(handler, path, diagnostics);
    values_are_owned(handler, path, diagnostics);
    captures_are_there_once(handler, path, diagnostics);
    plain_values_have_placeholders(handler, path, diagnostics);
}

/// Each placeholder has a parameter of the same name.
fn placeholders_have_parameters(handler: &Handler, path: &RoutePath, diagnostics: &mut Diagnostics) {
    let names = names(handler);
    let free: Vec<&str> = names.iter().filter(|name| !path.has(name)).map(String::as_str).collect();
    let captures = path.captures.iter().map(|name| ("capture", name));
    let queries = path.queries.iter().map(|name| ("query parameter", name));
    for (kind, placeholder) in captures.chain(queries).filter(|(_, placeholder)| !names.contains(placeholder)) {
        let name = &handler.sig.ident;
        let remedy = match nearest(placeholder, free.iter().copied()) {
            Some(meant) => format!("if `{meant}` is meant, give both the same name"),
            None => format!("add `{placeholder}: String`, or another type that is `FromStr`"),
        };
        let text = format!("`{name}` has no parameter for the {kind} `{{{placeholder}}}`: {remedy}");
        diagnostics.error(&path.literal, text);
    }
}

/// The parameters of placeholders are owned: a value is parsed for the call, and its text is not kept.
fn values_are_owned(handler: &Handler, path: &RoutePath, diagnostics: &mut Diagnostics) {
    // With both attributes, `#[sse_handler]` reports it.
    if handler.has_attribute(SSE_HANDLER) || handler.is_stub() {
        return;
    }
    for param in handler.params() {
        let Type::Reference(reference) = &*param.ty else { continue };
        let Some(name) = model::name(param) else { continue };
        let kind = match () {
            () if path.captures(name) => "captured value",
            () if path.queries(name) => "query parameter",
            () => continue,
        };
        let text = format!("a {kind} is owned: take `String` instead of `&str`, or another type without the `&`");
        diagnostics.error(reference, text);
    }
}

/// A capture is present exactly once, unlike a query parameter.
fn captures_are_there_once(handler: &Handler, path: &RoutePath, diagnostics: &mut Diagnostics) {
    for param in handler.params() {
        let Some(name) = model::name(param).filter(|name| path.captures(name)) else { continue };
        let Some(ty) = model::last_ident(&param.ty) else { continue };
        let name = name.unraw();
        if ty == "Option" {
            let text = format!(
                "a capture always has a value, because the path does not match without it: remove the `Option`, \
                 or move the capture to the query, as in `?{{{name}}}`"
            );
            diagnostics.error(&param.ty, text);
        } else if ty == "Vec" {
            let text = format!(
                "a capture is one value: take `String`, or another type that is `FromStr`; a parameter that can be \
                 repeated belongs in the query, as in `?{{{name}}}`"
            );
            diagnostics.error(&param.ty, text);
        }
    }
}

/// A parameter that is a number or a flag has a placeholder: no extractor has such a type.
fn plain_values_have_placeholders(handler: &Handler, path: &RoutePath, diagnostics: &mut Diagnostics) {
    let names = names(handler);
    // A misspelled name is already reported at the placeholder.
    let orphans = path.captures.iter().chain(&path.queries).filter(|placeholder| !names.contains(placeholder));
    let orphans: Vec<&str> = orphans.map(String::as_str).collect();
    for param in handler.params().filter(|param| is_plain(&param.ty)) {
        let Some(name) = model::name(param) else { continue };
        let name = name.unraw().to_string();
        if path.has(&name) || nearest(&name, orphans.iter().copied()).is_some() {
            continue;
        }
        let (begins, place) = if path.queries.is_empty() { ('?', "after it") } else { ('&', "to the query") };
        // An `Option` or a `Vec` cannot be a capture.
        let (neither, remedy) = if is_of_a_query(&param.ty) {
            ("in the query", format!("add `{begins}{{{name}}}` to it"))
        } else {
            ("a placeholder", format!("add `{{{name}}}` to the path, or `{begins}{{{name}}}` {place}"))
        };
        let text = format!(
            "`{name}` is neither {neither} of {:?} nor an extractor: {remedy}, or take an extractor",
            path.literal.value(),
        );
        diagnostics.error(param, text);
    }
}

/// Whether no extractor has this type: a number or a flag, or an `Option` or `Vec` of one or of a `String`.
fn is_plain(ty: &Type) -> bool {
    const PLAIN: [&str; 16] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize",
    ];
    let plain = |ty: &Type| model::last_ident(ty).is_some_and(|ty| PLAIN.iter().any(|plain| ty == plain));
    plain(ty) || is_of_a_query(ty) && within(ty).is_some_and(|ty| plain(ty) || is_text(ty))
}

/// Whether the type is `String`, which by itself is the extractor of the body.
fn is_text(ty: &Type) -> bool {
    model::last_ident(ty).is_some_and(|ty| ty == "String")
}

/// Whether the type is one of a parameter that may be missing or repeated.
fn is_of_a_query(ty: &Type) -> bool {
    model::last_ident(ty).is_some_and(|ty| ty == "Option" || ty == "Vec")
}

/// The `T` of `Option<T>`.
fn within(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The names of the parameters whose pattern is a plain name.
fn names(handler: &Handler) -> Vec<String> {
    handler.params().filter_map(model::name).map(|name| name.unraw().to_string()).collect()
}
