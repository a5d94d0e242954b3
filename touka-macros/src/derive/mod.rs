//! `#[derive(IntoEvent)]`. Its stages: `case → attr → serde → model → check → fallback → bounds →
//! copy → expand`.

mod attr;
mod bounds;
mod case;
mod check;
mod copy;
mod expand;
mod fallback;
mod model;
mod paths;
mod serde;

use proc_macro2::TokenStream;
use quote::quote;

use self::model::Input;
use self::paths::Paths;
use crate::diagnostics::Diagnostics;

/// The derive.
pub(crate) fn into_event(item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::new();
    let input = match syn::parse2(item) {
        Ok(item) => Input::read(item, &mut diagnostics),
        Err(error) => {
            diagnostics.add(error);
            None
        }
    };
    let Some(input) = input else {
        return diagnostics.finish().unwrap_or_default();
    };
    let paths = Paths::new(input.krate.as_ref());
    check::input(&input, &mut diagnostics);
    match diagnostics.finish() {
        None => expand::expand(&input, &paths),
        Some(errors) => {
            let stub = fallback::fallback(&input, &paths);
            quote!(#errors #stub)
        }
    }
}
