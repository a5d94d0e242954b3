//! The macros of touka. Use them through the `touka` crate, which re-exports them.
//!
//! A door here holds documentation and one call. The work is done in stages, each in a file that
//! uses only those before it: `keyword → diagnostics → renamed → runtime → query → path → args →
//! duration → options → model → placeholders → check → yields → infallible → fallback → expand →
//! door`.

mod args;
mod check;
mod derive;
mod diagnostics;
mod door;
mod duration;
mod expand;
mod fallback;
mod infallible;
mod keyword;
mod model;
mod options;
mod path;
mod placeholders;
mod query;
mod renamed;
mod runtime;
mod yields;

#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;

#[doc = include_str!("sse_handler.md")]
#[proc_macro_attribute]
pub fn sse_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    door::sse_handler(args.into(), &item.into()).into()
}

#[doc = include_str!("route.md")]
#[proc_macro_attribute]
pub fn route(args: TokenStream, item: TokenStream) -> TokenStream {
    door::route(args.into(), &item.into()).into()
}

#[doc = include_str!("into_event.md")]
#[proc_macro_derive(IntoEvent, attributes(event, serde))]
pub fn into_event(item: TokenStream) -> TokenStream {
    derive::into_event(item.into()).into()
}

/// What `touka::sse!` calls, with the crate that it belongs to in front of the body. The
/// documentation is there.
#[doc(hidden)]
#[proc_macro]
pub fn __sse(input: TokenStream) -> TokenStream {
    let mut tokens = proc_macro2::TokenStream::from(input).into_iter();
    let krate = tokens.next().into_iter().collect();
    door::sse(krate, tokens.collect()).into()
}
