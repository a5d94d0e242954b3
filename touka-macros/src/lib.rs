//! The attribute macros of touka. Use them through the `touka` crate, which re-exports them.
//!
//! A door here holds documentation and one call. The work is done in stages, each in a file that
//! uses only those before it: `keyword → diagnostics → runtime → path → args → model → check →
//! fallback → expand`.

mod args;
mod check;
mod diagnostics;
mod door;
mod expand;
mod fallback;
mod keyword;
mod model;
mod path;
mod runtime;

use proc_macro::TokenStream;

/// Turns an `async fn` that emits events into one that returns an event stream.
#[proc_macro_attribute]
pub fn sse_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    door::sse_handler(args.into(), item.into()).into()
}

/// Gives an `async fn` a method and a path, for `routes!` to collect.
#[proc_macro_attribute]
pub fn route(args: TokenStream, item: TokenStream) -> TokenStream {
    door::route(args.into(), item.into()).into()
}
