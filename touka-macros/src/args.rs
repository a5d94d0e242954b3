//! The arguments of `#[route(…)]`, as they were written.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitStr, Path, Token};

use crate::diagnostics::{Diagnostics, did_you_mean};
use crate::keyword::{CRATE, END, METHODS};

/// `#[route(METHOD, "/path", …)]`
#[derive(Default)]
pub(crate) struct RouteArgs {
    pub(crate) method: Option<Ident>,
    pub(crate) path: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    /// The id of the event after which there is nothing more to send.
    pub(crate) end: Option<LitStr>,
}

/// What a user writes here. `end` comes from `#[sse_handler]`, which hands it on.
const OPTIONS: [&str; 1] = [CRATE];

/// The whole of a route's attribute, for the messages.
const EXAMPLE: &str = "as in #[route(GET, \"/rooms/{room}\")]";

/// A method or a path, where an option should be.
pub(crate) fn looks_like_a_route(input: ParseStream<'_>) -> Option<TokenTree> {
    let fork = input.fork();
    let word: TokenTree = fork.parse().ok()?;
    let is_method = METHODS.contains(&word.to_string().as_str());
    let is_path = word.to_string().starts_with("\"/");
    (is_method || is_path).then_some(word)
}

impl RouteArgs {
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let mut args = Self::default();
        if tokens.is_empty() {
            let text = format!("#[route] takes a method and a path, {EXAMPLE}");
            diagnostics.add(syn::Error::new(Span::call_site(), text));
            return args;
        }
        let parser = |input: ParseStream<'_>| {
            if begins_with_the_path(input) {
                // Every other framework's order, or a method left out: the path is checked as well.
                let path: LitStr = input.parse()?;
                diagnostics.error(&path, format!("the method is missing before the path, {EXAMPLE}"));
                args.path = Some(path);
                let _rest: TokenStream = input.parse()?;
                return Ok(());
            }
            let method = method(input, diagnostics)?;
            let the_path_is_missing = syn::Error::new_spanned(&method, format!("the path is missing, {EXAMPLE}"));
            args.method = Some(method);
            if input.is_empty() {
                return Err(the_path_is_missing);
            }
            if !input.peek(Token![,]) {
                return Err(input.error(format!("a comma stands between the method and the path, {EXAMPLE}")));
            }
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                return Err(the_path_is_missing);
            }
            if !input.peek(LitStr) {
                return Err(input.error(not_a_path(input)));
            }
            args.path = Some(input.parse()?);
            comma(input)?;
            options(input, &mut args, diagnostics)
        };
        if let Err(error) = parser.parse2(tokens) {
            diagnostics.add(error);
        }
        args
    }
}

/// The first argument is text, and not a method in quotes.
fn begins_with_the_path(input: ParseStream<'_>) -> bool {
    let first = input.fork().parse::<LitStr>();
    first.is_ok_and(|first| !METHODS.contains(&first.value().to_uppercase().as_str()))
}

/// Reads the method, in all the ways that people write it, and reports those that are wrong.
fn method(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Ident> {
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        let upper = text.value().to_uppercase();
        diagnostics.error(&text, format!("a method is written without quotes: `{upper}`"));
        return Ok(Ident::new(&upper, text.span()));
    }
    let Ok(path) = input.call(Path::parse_mod_style) else {
        return Err(input.error(format!("the method comes first, {EXAMPLE}")));
    };
    if let (Some(last), true) = (path.segments.last(), path.segments.len() > 1) {
        diagnostics.error(&path, format!("a method is written as one word: `{}`", last.ident));
        return Ok(last.ident.clone());
    }
    let method = path.require_ident()?.clone();
    check_method(&method, diagnostics);
    Ok(method)
}

fn check_method(method: &Ident, diagnostics: &mut Diagnostics) {
    let typed = method.to_string();
    if METHODS.contains(&typed.as_str()) {
        return;
    }
    let upper = typed.to_uppercase();
    if METHODS.contains(&upper.as_str()) {
        diagnostics.error(method, format!("methods are written in upper case: `{upper}`"));
    } else {
        let hint = did_you_mean(&typed, &METHODS, "there are");
        diagnostics.error(method, format!("`{typed}` is not an HTTP method{hint}"));
    }
}

/// What to say where the path should be.
fn not_a_path(input: ParseStream<'_>) -> String {
    match input.fork().call(Ident::parse_any) {
        Ok(second) if METHODS.contains(&second.to_string().as_str()) => {
            format!("a route has one method: write a second function for `{second}`, and let both call a third")
        }
        _ => format!("the path is a string literal, {EXAMPLE}"),
    }
}

/// `name = value` options, separated by commas.
fn options(input: ParseStream<'_>, args: &mut RouteArgs, diagnostics: &mut Diagnostics) -> syn::Result<()> {
    while !input.is_empty() {
        let Ok(name) = input.call(Ident::parse_any) else {
            return Err(input.error("an option is a name and a value, as in `crate = touka`"));
        };
        if name == CRATE {
            if let Some(path) = crate_path(&name, input, diagnostics)?
                && args.krate.replace(path).is_some()
            {
                diagnostics.error(&name, "`crate` is given twice: keep one");
            }
        } else if name == END {
            input.parse::<Token![=]>()?;
            args.end = Some(input.parse()?);
        } else {
            let hint = did_you_mean(&name.to_string(), &OPTIONS, "there is only");
            diagnostics.error(&name, format!("unknown option `{name}`{hint}"));
            skip_value(input)?;
        }
        comma(input)?;
    }
    Ok(())
}

/// The path behind `crate =`.
pub(crate) fn crate_path(
    name: &Ident,
    input: ParseStream<'_>,
    diagnostics: &mut Diagnostics,
) -> syn::Result<Option<Path>> {
    const REMEDY: &str = "`crate` takes the path of touka, as in `crate = touka`";
    if !input.peek(Token![=]) {
        diagnostics.error(name, REMEDY);
        skip_value(input)?;
        return Ok(None);
    }
    input.parse::<Token![=]>()?;
    if let Ok(text) = input.fork().parse::<LitStr>() {
        diagnostics.error(&text, format!("the path of touka is written without quotes: `crate = {}`", text.value()));
        skip_value(input)?;
        return Ok(None);
    }
    match input.call(Path::parse_mod_style) {
        Ok(path) => Ok(Some(path)),
        Err(error) => Err(syn::Error::new(error.span(), REMEDY)),
    }
}

/// Steps over the comma between two arguments.
pub(crate) fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    if !input.is_empty() && input.parse::<Token![,]>().is_err() {
        return Err(input.error("a comma stands between two arguments"));
    }
    Ok(())
}

/// Steps over the value of an option that is not known, to find the mistakes behind it.
pub(crate) fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        TokenTree::parse(input)?;
    }
    Ok(())
}
