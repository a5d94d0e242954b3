//! The macros of touka. Use them through the `touka` crate, which re-exports them.
//!
//! # Layout
//! This file has the entry points of the compiler; their documentation is in Markdown files beside it. An
//! expansion runs in stages, and each file uses only those before its own: `keyword → diagnostics → docs → renamed →
//! runtime → query → path → args → duration → values → template → detached → options → model → placeholders →
//! closures → runs → check → yields → infallible → fallback → expand → entry`. `derive/` has the stages of `#[derive(IntoEvent)]`.

mod args;
mod check;
mod closures;
mod derive;
mod detached;
mod diagnostics;
mod docs;
mod duration;
mod entry;
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
mod runs;
mod runtime;
mod template;
mod values;
mod yields;

#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;

#[doc = include_str!("sse_handler.md")]
#[proc_macro_attribute]
pub fn sse_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::sse_handler(args.into(), &item.into()).into()
}

#[doc = include_str!("route.md")]
#[proc_macro_attribute]
pub fn route(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::route(args.into(), &item.into(), cfg!(feature = "openapi")).into()
}

#[doc = include_str!("into_event.md")]
#[proc_macro_derive(IntoEvent, attributes(event, serde))]
pub fn into_event(item: TokenStream) -> TokenStream {
    derive::into_event(item.into(), cfg!(feature = "openapi")).into()
}

/// Implements `touka::sse!`, which has the documentation. The input is `touka::sse!`'s `$crate`, then the body.
#[doc(hidden)]
#[proc_macro]
pub fn __sse(input: TokenStream) -> TokenStream {
    let mut tokens = proc_macro2::TokenStream::from(input).into_iter();
    let krate = tokens.next().into_iter().collect();
    entry::sse(krate, tokens.collect()).into()
}
