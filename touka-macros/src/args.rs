//! The arguments of the attributes, as they were written.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitStr, Path, Token};

use crate::diagnostics::{Diagnostics, did_you_mean};
use crate::keyword::{CRATE, METHODS};

/// `#[sse_handler(…)]`
#[derive(Default)]
pub(crate) struct HandlerArgs {
    pub(crate) krate: Option<Path>,
}

/// `#[route(METHOD, "/path", …)]`
#[derive(Default)]
pub(crate) struct RouteArgs {
    pub(crate) method: Option<Ident>,
    pub(crate) path: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

const OPTIONS: [&str; 1] = [CRATE];

impl HandlerArgs {
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| {
            options(input, &mut args.krate, diagnostics)?;
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            diagnostics.add(error);
        }
        args
    }
}

impl RouteArgs {
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        const USAGE: &str = "#[route] takes a method and a path, as in #[route(GET, \"/rooms/{room}\")]";
        let mut args = Self::default();
        if tokens.is_empty() {
            diagnostics.add(syn::Error::new(proc_macro2::Span::call_site(), USAGE));
            return args;
        }
        let parser = |input: ParseStream<'_>| {
            if input.peek(LitStr) {
                // Every other framework's order, or a method left out: take the path, say what is
                // missing, and check the path as well.
                let path: LitStr = input.parse()?;
                diagnostics.error(&path, "the method comes first, as in #[route(GET, \"/rooms/{room}\")]");
                args.path = Some(path);
                let _rest: TokenStream = input.parse()?;
                return Ok(());
            }
            let method: Ident = input.call(syn::ext::IdentExt::parse_any)?;
            check_method(&method, diagnostics);
            args.method = Some(method);
            if input.is_empty() {
                return Err(input.error("the path is missing, as in #[route(GET, \"/rooms/{room}\")]"));
            }
            input.parse::<Token![,]>()?;
            if !input.peek(LitStr) {
                return Err(input.error("the path is a string literal, as in #[route(GET, \"/rooms/{room}\")]"));
            }
            args.path = Some(input.parse()?);
            if input.peek(Token![,]) {
                input.parse::<Token![,]>()?;
            }
            options(input, &mut args.krate, diagnostics)
        };
        if let Err(error) = parser.parse2(tokens) {
            diagnostics.add(error);
        }
        args
    }
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
        diagnostics.error(method, format!("`{typed}` is not an HTTP method{hint} There are {}", METHODS.join(", ")));
    }
}

/// `name = value` options, separated by commas.
fn options(input: ParseStream<'_>, krate: &mut Option<Path>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
    while !input.is_empty() {
        let name: Ident = input.call(syn::ext::IdentExt::parse_any)?;
        if name == CRATE {
            input.parse::<Token![=]>()?;
            let path: Path = input.call(Path::parse_mod_style)?;
            if krate.replace(path).is_some() {
                diagnostics.error(&name, "`crate` is given twice: keep one");
            }
        } else {
            let hint = did_you_mean(&name.to_string(), OPTIONS);
            diagnostics.error(&name, format!("unknown option `{name}`{hint} The options are: {}", OPTIONS.join(", ")));
            skip_value(input)?;
        }
        if input.is_empty() {
            break;
        }
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

/// Steps over the value of an option that is not known, to find the mistakes behind it.
fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        proc_macro2::TokenTree::parse(input)?;
    }
    Ok(())
}
