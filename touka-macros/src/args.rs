//! [`RouteArgs`]: the arguments of `#[route(…)]`.

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
    /// The id of the event that ends the stream.
    pub(crate) end: Option<LitStr>,
}

/// The options for users. `end` is not one of them: `#[sse_handler]` passes it on.
const OPTIONS: [&str; 1] = [CRATE];

/// An example of a whole attribute, for error messages.
const EXAMPLE: &str = "as in `#[route(GET, \"/rooms/{room}\")]`";

/// The first token, if it is a method or a path and not an option.
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
            let text = format!("`#[route]` takes a method and a path, {EXAMPLE}");
            diagnostics.add(syn::Error::new(Span::call_site(), text));
            return args;
        }
        let parser = |input: ParseStream<'_>| {
            if begins_with_the_path(input) {
                // The order of other frameworks, or a missing method. The path is checked in either case.
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
                return Err(input.error(format!("expected a comma between the method and the path, {EXAMPLE}")));
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

/// Whether the first argument is a string other than a method in quotes.
fn begins_with_the_path(input: ParseStream<'_>) -> bool {
    let first = input.fork().parse::<LitStr>();
    first.is_ok_and(|first| !METHODS.contains(&first.value().to_uppercase().as_str()))
}

/// Reads the method, and reports the forms that are not accepted.
fn method(input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Ident> {
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        let upper = text.value().to_uppercase();
        diagnostics.error(&text, format!("a method is written without quotes: `{upper}`"));
        return Ok(Ident::new(&upper, text.span()));
    }
    let Ok(path) = input.call(Path::parse_mod_style) else {
        return Err(input.error(format!("expected a method, {EXAMPLE}")));
    };
    if let (Some(last), true) = (path.segments.last(), path.segments.len() > 1) {
        diagnostics.error(&path, format!("a method is written without a path: `{}`", last.ident));
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
        let hint = did_you_mean(&typed, METHODS);
        diagnostics.error(method, format!("unknown method `{typed}`{hint}"));
    }
}

/// The message about a second argument that is not a path.
fn not_a_path(input: ParseStream<'_>) -> String {
    match input.fork().call(Ident::parse_any) {
        Ok(second) if METHODS.contains(&second.to_string().as_str()) => {
            format!("a route has one method: write a second function for `{second}`, or `ANY` to match every method")
        }
        _ => format!("expected the path as a string literal, {EXAMPLE}"),
    }
}

/// `name = value` options, separated by commas.
fn options(input: ParseStream<'_>, args: &mut RouteArgs, diagnostics: &mut Diagnostics) -> syn::Result<()> {
    while !input.is_empty() {
        let Ok(name) = input.call(Ident::parse_any) else {
            return Err(input.error("expected an option, as in `crate = touka`"));
        };
        if name == CRATE {
            if let Some(path) = crate_path(&name, input, diagnostics)?
                && args.krate.replace(path).is_some()
            {
                diagnostics.error(&name, "`crate` is given twice: remove one");
            }
        } else if name == END {
            input.parse::<Token![=]>()?;
            args.end = Some(input.parse()?);
        } else {
            let hint = did_you_mean(&name.to_string(), OPTIONS);
            diagnostics.error(&name, format!("unknown option `{name}`{hint}"));
            skip_value(input)?;
        }
        comma(input)?;
    }
    Ok(())
}

/// The path after `crate =`.
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

/// Skips the comma between two arguments.
pub(crate) fn comma(input: ParseStream<'_>) -> syn::Result<()> {
    if !input.is_empty() && input.parse::<Token![,]>().is_err() {
        return Err(input.error("expected a comma between two arguments"));
    }
    Ok(())
}

/// Skips the value of an invalid option, so that mistakes after it are found too.
pub(crate) fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        TokenTree::parse(input)?;
    }
    Ok(())
}
