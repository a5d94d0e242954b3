//! The settings of a handler, as method calls on its stream.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Expr;

use crate::detached::RunOption;
use crate::options::{Mode, Options, Setting};
use crate::runtime::{Runtime, located};

/// Whether a setting concerns the `Opening`, the future before the response opens.
pub(super) fn opens(options: &Options) -> bool {
    options.settings.iter().any(|(_, setting)| is_of_the_opening(setting))
}

const fn is_of_the_opening(setting: &Setting) -> bool {
    matches!(setting, Setting::OpenAfter(_) | Setting::OnError(_))
}

/// The method calls on the `Opening`.
pub(super) fn of_the_opening(options: &Options) -> TokenStream {
    options.settings.iter().filter(|(_, setting)| is_of_the_opening(setting)).map(call).collect()
}

/// The method calls on the stream, if there are any.
pub(super) fn of_the_stream(options: &Options) -> Option<TokenStream> {
    let calls: TokenStream =
        options.settings.iter().filter(|(_, setting)| !is_of_the_opening(setting)).map(call).collect();
    (!calls.is_empty()).then_some(calls)
}

/// The method calls on the stream of each viewer of a detached handler. The end is that of the body.
pub(super) fn of_viewers(options: &Options) -> TokenStream {
    let concerns_viewers =
        |setting: &Setting| !is_of_the_opening(setting) && !matches!(setting, Setting::End(_) | Setting::OnClose(_));
    options.settings.iter().filter(|(_, setting)| concerns_viewers(setting)).map(call).collect()
}

/// One method call. An option and its method have the same name.
fn call((name, setting): &(Ident, Setting)) -> TokenStream {
    match setting {
        Setting::WholeBlocks => quote!(.#name()),
        Setting::KeepAlive(None) => quote!(.#name(::core::option::Option::None)),
        Setting::KeepAlive(Some(duration))
        | Setting::Retry(duration)
        | Setting::OpenAfter(duration)
        | Setting::MaxLifetime(duration)
        | Setting::WriteTimeout(duration) => {
            let duration = duration_of(*duration);
            quote!(.#name(#duration))
        }
        Setting::End(end) => quote!(.#name(#end)),
        Setting::OnError(function) | Setting::OnClose(function) => quote!(.#name(#function)),
        Setting::Value(_) => {
            let value = variable(name);
            quote!(.#name(#value))
        }
    }
}

/// The names of the parameters that are part of the key or the owner of a run.
pub(super) fn placeholders(options: &Options) -> impl Iterator<Item = String> {
    let key = match &options.mode {
        Mode::Detached(_, template) => template.as_ref(),
        _ => None,
    };
    let owner = options.run.iter().filter_map(|(_, option)| match option {
        RunOption::Owner(owner) => Some(owner),
        _ => None,
    });
    key.into_iter().chain(owner).flat_map(|template| template.names().map(str::to_owned))
}

/// The settings whose values are expressions.
pub(super) fn values(options: &Options) -> impl Iterator<Item = (&Ident, &Expr)> {
    options.settings.iter().filter_map(|(name, setting)| match setting {
        Setting::Value(value) => Some((name, &**value)),
        _ => None,
    })
}

/// The statements that evaluate the expressions, before the parameters move into the body. `patterns`
/// destructures parameters by reference.
pub(super) fn evaluated(options: &Options, patterns: &TokenStream, runtime: &Runtime) -> TokenStream {
    let statement = |(name, value): (&Ident, &Expr)| {
        let (variable, place) = (variable(name), located(value));
        // The function of the option's name, which converts the value.
        let option = runtime.option_at(place, name);
        let made = quote_spanned!(place=> #option(#value));
        quote! {
            let #variable = {
                #patterns
                let #variable = #made;
                #variable
            };
        }
    };
    values(options).map(statement).collect()
}

/// The variable of a value. It is hygienic, so the body and the other expressions cannot name it.
pub(super) fn variable(name: &Ident) -> Ident {
    format_ident!("__touka_{name}", span = Span::mixed_site())
}

/// The expression of a duration.
pub(super) fn duration_of(duration: Duration) -> TokenStream {
    // A parsed duration has at most `u64::MAX` milliseconds.
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#millis))
}
