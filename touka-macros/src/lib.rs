//! x
use proc_macro::TokenStream;
/// x
#[proc_macro_attribute]
pub fn route(_a: TokenStream, i: TokenStream) -> TokenStream { i }
/// x
#[proc_macro_attribute]
pub fn sse_handler(_a: TokenStream, i: TokenStream) -> TokenStream { i }
