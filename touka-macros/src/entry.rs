//! The macros, from tokens to expansion: the stages in their order.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, Meta, Path, Visibility};

use crate::args::RouteArgs;
use crate::detached::has_word;
use crate::diagnostics::Diagnostics;
use crate::keyword::{DETACHED, END, ROUTE, ROUTED, SSE_HANDLER};
use crate::model::Handler;
use crate::options::Options;
use crate::path::RoutePath;
use crate::runtime::Runtime;
use crate::yields::Body;
use crate::{check, expand, fallback, infallible, renamed};

pub(crate) fn sse_handler(args: TokenStream, item: &TokenStream) -> TokenStream {
    if has_word(args.clone(), DETACHED)
        && let Some(swapped) = below_route(&args, item)
    {
        return swapped;
    }
    let mut diagnostics = Diagnostics::new();
    let options = Options::parse(args, &mut diagnostics);
    let Some(mut handler) = function(item, SSE_HANDLER, &mut diagnostics) else {
        return with_errors(diagnostics, item);
    };
    let runtime = runtime(options.krate.as_ref(), SSE_HANDLER, &mut diagnostics);
    check::handler(&handler, &options, &mut diagnostics);
    pass_end_to_route(&mut handler, &options);
    match diagnostics.finish() {
        None => expand::handler(&handler, &options, &runtime),
        Some(errors) => {
            let stub = fallback::handler(&handler, &runtime);
            quote!(#errors #stub)
        }
    }
}

/// Expands the attribute. With `describes`, the route can also be made with its description.
pub(crate) fn route(args: TokenStream, item: &TokenStream, describes: bool) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let args = RouteArgs::parse(args, &mut diagnostics);
    let Some(mut handler) = function(item, ROUTE, &mut diagnostics) else {
        return with_errors(diagnostics, item);
    };
    mark_as_routed(&mut handler);
    let runtime = runtime(args.krate.as_ref(), ROUTE, &mut diagnostics);
    let path = args.path.map(|literal| RoutePath::parse(literal, &mut diagnostics));
    check::route(&handler, path.as_ref(), &mut diagnostics);
    match (diagnostics.finish(), args.method, path, sibling(&handler)) {
        (None, Some(method), Some(path), Some(sibling)) => {
            expand::route(&handler, &method, &path, args.end.as_ref(), &sibling, describes, &runtime)
        }
        (errors, ..) => {
            let stub = fallback::route(&handler, describes, &runtime);
            quote!(#errors #stub)
        }
    }
}

/// Expands an `sse!` block. `krate` is the `$crate` of its `macro_rules!`.
pub(crate) fn sse(krate: TokenStream, body: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let runtime = Runtime::at(krate);
    let body = Body::parse(body, &mut diagnostics);
    let can_fail = infallible::check(body.tokens.clone(), &mut diagnostics);
    let errors = diagnostics.finish();
    // A body that is only incomplete is expanded, for editors. With any other mistake, the compiler would
    // report it again.
    let stream = if body.sound && !can_fail { expand::sse(&body.tokens, &runtime) } else { expand::stub(&runtime) };
    match errors {
        None => stream,
        Some(errors) => quote!({ #errors #stream }),
    }
}

/// The options of the `#[sse_handler]` that expands after this `#[route]`.
///
/// `None` if that attribute reports errors: the route then expands to its stub, so that no error is reported
/// twice.
fn sibling(handler: &Handler) -> Option<Options> {
    let mut theirs = Diagnostics::new();
    let options = handler.attribute(SSE_HANDLER).map(|attr| {
        let options = Options::parse(arguments(attr), &mut theirs);
        check::handler(handler, &options, &mut theirs);
        options
    });
    let broken = theirs.finish().is_some() || handler.is_stub();
    (!broken).then(|| options.unwrap_or_default())
}

/// The function with its `#[route]` above the detached `#[sse_handler]` whose arguments these are. `None` without one below.
///
/// The code of the route starts the run, so it needs the options and the parameters as they are written.
fn below_route(args: &TokenStream, item: &TokenStream) -> Option<TokenStream> {
    let mut handler = syn::parse2::<Handler>(item.clone()).ok()?;
    let route = handler.take_attribute(ROUTE)?;
    // Errors are reported when the attribute expands again.
    let mut later = Diagnostics::new();
    let options = Options::parse(args.clone(), &mut later);
    let runtime = runtime(options.krate.as_ref(), SSE_HANDLER, &mut later);
    drop(later.finish());
    let root = runtime.root();
    let attribute = Ident::new(SSE_HANDLER, Span::call_site());
    Some(quote!(#route #[#root::#attribute(#args)] #handler))
}

/// Marks a detached `#[sse_handler]`, which expands after this `#[route]`, as one with a route.
fn mark_as_routed(handler: &mut Handler) {
    if let Some(attr) = handler.attribute_mut(SSE_HANDLER)
        && let Meta::List(list) = &mut attr.meta
        && has_word(list.tokens.clone(), DETACHED)
    {
        let (written, mark) = (&list.tokens, Ident::new(ROUTED, Span::call_site()));
        list.tokens = quote!(#mark, #written);
    }
}

/// Passes the name of the end to a `#[route]` that expands after this `#[sse_handler]`. The route answers the
/// clients that have seen the end.
fn pass_end_to_route(handler: &mut Handler, options: &Options) {
    let (Some(end), Some(attr)) = (options.end(), handler.attribute_mut(ROUTE)) else { return };
    if let Meta::List(list) = &mut attr.meta {
        let (written, word) = (&list.tokens, Ident::new(END, end.span()));
        list.tokens = quote!(#written, #word = #end);
    }
}

/// The tokens in an attribute's parentheses.
fn arguments(attr: &Attribute) -> TokenStream {
    match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    }
}

/// The paths of touka. Reports a crate that renames touka without the `crate` option.
fn runtime(krate: Option<&Path>, attribute: &str, diagnostics: &mut Diagnostics) -> Runtime {
    let Some(name) = renamed::other_name().filter(|_| krate.is_none()) else { return Runtime::new(krate) };
    let example = if attribute == ROUTE { "METHOD, \"/path\", " } else { "" };
    let text = format!("this crate depends on touka as `{name}`: write `#[{attribute}({example}crate = {name})]`");
    diagnostics.add(syn::Error::new(Span::call_site(), text));
    // The stub uses the detected name, so that this is the only error.
    Runtime::new(syn::parse_str(&format!("::{name}")).ok().as_ref())
}

/// The annotated function. Reports an item of another kind.
fn function(item: &TokenStream, attribute: &str, diagnostics: &mut Diagnostics) -> Option<Handler> {
    let parsed = syn::parse2::<Handler>(item.clone());
    if parsed.as_ref().is_ok_and(check::is_block) {
        return parsed.ok();
    }
    // The parser's own error would point at the token where it stopped.
    let what = kind.parse2(item.clone()).unwrap_or_else(|_| item.clone());
    diagnostics.error(what, format!("`#[{attribute}]` goes on an `async fn` with a body"));
    None
}

/// The keyword of an item: `struct` of `pub struct Clock;`.
fn kind(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    input.call(Attribute::parse_outer)?;
    input.parse::<Visibility>()?;
    let kind: TokenTree = input.parse()?;
    let _rest: TokenStream = input.parse()?;
    Ok(kind.into())
}

/// The unchanged item, and its errors.
fn with_errors(diagnostics: Diagnostics, item: &TokenStream) -> TokenStream {
    let errors = diagnostics.finish();
    quote!(#errors #item)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn tokens(text: &str) -> TokenStream {
        TokenStream::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The text without spaces, which depend on how the tokens were made.
    fn squeezed(text: &(impl ToString + ?Sized)) -> String {
        text.to_string().split_whitespace().collect()
    }

    fn handler(item: &str) -> String {
        squeezed(&super::sse_handler(TokenStream::new(), &tokens(item)))
    }

    fn route(args: &str, item: &str) -> String {
        squeezed(&super::route(tokens(args), &tokens(item), true))
    }

    /// While the user types, an editor sees the function and its incomplete body.
    #[test]
    fn incomplete_bodies_expand() {
        for body in [
            "",
            "let x = ;",
            "foo.",
            "emit!(x).",
            "emit!()",
            "emit!",
            "emit",
            "match x { A => }",
            "match",
            "if let Some(",
            "for in 0.. { }",
            "x?; y.",
            "|a| ",
            "async move",
            "loop { break",
            "#",
            "#!",
            "#![allow(unused)] let",
            ") (",
        ] {
            // A body that cannot be tokenized never reaches a macro.
            let Ok(body) = TokenStream::from_str(body) else { continue };
            let item = quote!(pub async fn room(State(app): State<App>, id: u64) { #body });
            let expanded = squeezed(&super::sse_handler(TokenStream::new(), &item));
            let signature = squeezed("pub async fn room(state: State<App>, id: u64) -> ::touka::EventStream");
            assert!(expanded.contains(&signature), "{expanded}");
            assert!(expanded.contains(&squeezed("let State(app) = state;")), "{expanded}");
            let rest = squeezed(&body).replace("#![allow(unused)]", "");
            assert!(expanded.contains(&rest), "{expanded}");

            let args = quote!(GET, "/rooms/{id}");
            let expanded = squeezed(&super::route(args, &item, true));
            assert!(expanded.contains(&squeezed(&item).replace("#![allow(unused)]", "")), "{expanded}");
            assert!(expanded.contains(&squeezed("pub struct room {}")), "{expanded}");
        }
    }

    #[test]
    fn incomplete_blocks_expand() {
        for body in
            ["", "let x = ;", "foo.", "yield", "yield foo.", "emit!", "match x { A => yield", "x; y.", "#!", "yield ,;"]
        {
            let Ok(body) = TokenStream::from_str(body) else { continue };
            let expanded = squeezed(&super::sse(quote!(touka), quote!(let before = 3; #body)));
            assert!(expanded.contains("touka::__private::block"), "{expanded}");
            assert!(expanded.contains("letbefore=3;"), "{expanded}");
            assert!(expanded.contains("foo.") == body.to_string().contains("foo"), "{expanded}");
        }
    }

    #[test]
    fn a_block_with_errors_is_still_a_stream() {
        for body in ["let x = yield 3;", "a()?;", "yield;"] {
            let expanded = squeezed(&super::sse(quote!(touka), tokens(body)));
            assert_eq!(
                expanded.matches("compile_error").count(),
                1 + 2 * expanded.matches("()=>").count(),
                "{expanded}"
            );
            assert!(expanded.contains("touka::__private::block"), "{expanded}");
        }
    }

    /// The uses of the function must find it, or they would be errors too.
    #[test]
    fn a_handler_with_errors_leaves_a_stub() {
        for (item, stub) in [
            ("fn clock() {}", "async fn clock() -> ::touka::EventStream"),
            ("async fn clock(a: &str) {}", "async fn clock(a: &str) -> ::touka::EventStream"),
            ("async fn clock() { yield 3; }", "async fn clock() -> ::touka::EventStream"),
            ("async fn clock() -> impl Stream {}", "async fn clock() -> ::touka::EventStream"),
            ("async fn clock() -> String {}", "async fn clock() -> String"),
            ("async fn clock(a: Emitter, b: Emitter, c: u8) {}", "async fn clock(c: u8) -> ::touka::EventStream"),
            ("async fn clock(&self) {}", "async fn clock(&self) -> ::touka::EventStream"),
        ] {
            let expanded = handler(item);
            assert!(expanded.contains("compile_error"), "{expanded}");
            assert!(expanded.contains(&squeezed(stub)), "{expanded}");
        }
    }

    #[test]
    fn a_handler_with_wrong_options_leaves_a_stub() {
        for args in ["color = 3", "crate", "crate = 3", "\"x\"", "GET, \"/\"", "crate = a, crate = b", "= ,"] {
            let expanded = squeezed(&super::sse_handler(tokens(args), &tokens("async fn clock() {}")));
            assert!(expanded.contains("compile_error"), "{args}: {expanded}");
            assert!(expanded.contains("asyncfnclock()"), "{args}: {expanded}");
        }
    }

    #[test]
    fn a_route_with_errors_leaves_the_function_and_its_type() {
        let whole = "async fn room(id: u64) -> u8 { 3 }";
        for args in [
            "",
            "GET",
            "GET,",
            "GET \"/{id}\"",
            "get, \"/{id}\"",
            "\"/{id}\"",
            "GET, PATH",
            "GET, \"{id}\"",
            "GET, \"/{id}/{id}\"",
            "GET, \"/{x-y}\"",
            "GET, \"/{id\"",
            "GET, \"/{id}\", x = 3",
            "Method::GET, \"/{id}\"",
            "3",
        ] {
            let expanded = route(args, whole);
            assert!(expanded.contains("compile_error"), "{args}: {expanded}");
            assert!(expanded.contains(&squeezed(whole)), "{args}: {expanded}");
            assert!(expanded.contains("structroom"), "{args}: {expanded}");
        }
        for item in ["fn room() {}", "async fn room<T>() {}", "async fn room(a: Emitter) {}", "async fn room(n: u8) {}"]
        {
            let expanded = route("GET, \"/\"", item);
            assert!(expanded.contains("compile_error"), "{expanded}");
            assert!(expanded.contains(&squeezed(item)) && expanded.contains("structroom"), "{expanded}");
        }
    }

    #[test]
    fn an_item_other_than_a_function_is_kept() {
        for item in ["struct Clock;", "pub enum E {}", "async fn clock(self);", "3 + 4", "mod m {}"] {
            for expanded in [handler(item), route("GET, \"/\"", item)] {
                assert!(expanded.contains("compile_error"), "{expanded}");
                assert!(expanded.ends_with(&squeezed(item)), "{expanded}");
            }
        }
    }

    #[test]
    fn all_errors_are_reported_in_one_run() {
        let expanded = route("get, \"rooms/{room}\", x = 1", "fn enter(seat: u32) {}");
        assert_eq!(expanded.matches("compile_error").count(), 6, "{expanded}");
    }
}
