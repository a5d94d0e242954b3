//! The settings of a handler as calls on its stream.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::options::{Options, Setting};

/// Something is set of the wait before the response opens.
pub(super) fn opens(options: &Options) -> bool {
    options.settings.iter().any(|(_, setting)| is_of_the_opening(setting))
}

const fn is_of_the_opening(setting: &Setting) -> bool {
    matches!(setting, Setting::OpenAfter(_) | Setting::OnError(_))
}

/// The calls on the wait before the response opens.
pub(super) fn of_the_opening(options: &Options) -> TokenStream {
    options.settings.iter().filter(|(_, setting)| is_of_the_opening(setting)).map(call).collect()
}

/// The calls on the stream, if there are any.
pub(super) fn of_the_stream(options: &Options) -> Option<TokenStream> {
    let calls: TokenStream =
        options.settings.iter().filter(|(_, setting)| !is_of_the_opening(setting)).map(call).collect();
    (!calls.is_empty()).then_some(calls)
}

/// One call. The option has the name of the method.
fn call((name, setting): &(Ident, Setting)) -> TokenStream {
    match setting {
        Setting::WholeBlocks => quote!(.#name()),
        Setting::KeepAlive(None) => quote!(.#name(::core::option::Option::None)),
        Setting::KeepAlive(Some(duration))
        | Setting::Retry(duration)
        | Setting::OpenAfter(duration)
        | Setting::MaxLifetime(duration)
        | Setting::WriteTimeout(duration) => {
            let duration = value(*duration);
            quote!(.#name(#duration))
        }
        Setting::End(end) => quote!(.#name(#end)),
        Setting::OnError(function) | Setting::OnClose(function) => quote!(.#name(#function)),
    }
}

fn value(duration: Duration) -> TokenStream {
    // The grammar of durations has no more than `u64` milliseconds.
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#millis))
}
