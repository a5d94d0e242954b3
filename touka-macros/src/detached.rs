//! [`RunOption`]: the options of a detached handler's run.

use std::time::Duration;

use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::{Ident, LitInt, LitStr, Path, Token, parenthesized};

use crate::args::skip_value;
use crate::diagnostics::{Diagnostics, did_you_mean};
use crate::keyword::{
    CANCEL, CANCEL_AFTER, KEEP, KEEP_FOR, LAST_EVENT, MAX_BYTES, MAX_RUN, ON_DISCONNECT, OWNER, STOP_GRACE,
};
use crate::template::Template;
use crate::values::{a_duration, checked, function, value};

/// One option of a run.
pub(crate) enum RunOption {
    OnDisconnect(OnDisconnect),
    /// `stop_grace`, `max_run` and `keep_for`
    Time(Duration),
    MaxBytes(u64),
    Owner(Template),
    LastEvent(Path),
    /// An option whose value is invalid, which is reported.
    Invalid,
}

/// The value of `on_disconnect`.
pub(crate) enum OnDisconnect {
    Keep,
    Cancel,
    CancelAfter(Duration),
}

impl RunOption {
    /// Reads the value of the option of this name.
    pub(crate) fn read(name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Self> {
        let option = match name.to_string().as_str() {
            ON_DISCONNECT => on_disconnect(name, input, diagnostics)?.map(Self::OnDisconnect),
            MAX_RUN | KEEP_FOR => some_time(name, input, diagnostics)?.map(Self::Time),
            STOP_GRACE => a_duration(name, input, diagnostics)?.map(Self::Time),
            MAX_BYTES => max_bytes(name, input, diagnostics)?.map(Self::MaxBytes),
            OWNER => Template::read(name, input, diagnostics)?.map(Self::Owner),
            LAST_EVENT => function(name, input, diagnostics)?.map(Self::LastEvent),
            _ => None,
        };
        Ok(option.unwrap_or(Self::Invalid))
    }
}

fn on_disconnect(
    name: &Ident,
    input: ParseStream<'_>,
    diagnostics: &mut Diagnostics,
) -> syn::Result<Option<OnDisconnect>> {
    const FORM: &str =
        "`on_disconnect` takes `keep`, `cancel` or `cancel_after(\"30s\")`, as in `on_disconnect = cancel`";
    let Some(word) = value::<Ident>(input)? else {
        diagnostics.error(name, FORM);
        skip_value(input)?;
        return Ok(None);
    };
    let is_alone = input.is_empty() || input.peek(Token![,]);
    match word.to_string().as_str() {
        KEEP if is_alone => Ok(Some(OnDisconnect::Keep)),
        CANCEL if is_alone => Ok(Some(OnDisconnect::Cancel)),
        CANCEL_AFTER => cancel_after(&word, input, diagnostics),
        KEEP | CANCEL => {
            let text = format!("`{word}` takes no value: write `{word}`, or `cancel_after(\"30s\")` for a time");
            diagnostics.error(&word, text);
            skip_value(input)?;
            Ok(None)
        }
        typed => {
            let hint = did_you_mean(typed, [KEEP, CANCEL, CANCEL_AFTER]);
            diagnostics.error(&word, format!("`on_disconnect` does not know `{typed}`{hint}"));
            skip_value(input)?;
            Ok(None)
        }
    }
}

/// Reads the time in the parentheses of `cancel_after("30s")`.
fn cancel_after(
    word: &Ident,
    input: ParseStream<'_>,
    diagnostics: &mut Diagnostics,
) -> syn::Result<Option<OnDisconnect>> {
    let time = |input: ParseStream<'_>| {
        let inner;
        parenthesized!(inner in input);
        let text: LitStr = inner.parse()?;
        if inner.is_empty() { Ok(text) } else { Err(inner.error("more than a duration")) }
    };
    if input.peek(syn::token::Paren) && time(&input.fork()).is_ok() {
        let text = time(input)?;
        return Ok(checked(&text, diagnostics).map(OnDisconnect::CancelAfter));
    }
    diagnostics.error(word, "`cancel_after` takes a duration in quotes, as in `cancel_after(\"30s\")`");
    skip_value(input)?;
    Ok(None)
}

/// Reads a duration that cannot be zero.
fn some_time(name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Option<Duration>> {
    let time = a_duration(name, input, diagnostics)?;
    if !time.is_some_and(|time| time.is_zero()) {
        return Ok(time);
    }
    let fault = if name == MAX_RUN {
        "the run would fail at once"
    } else {
        "a run that ends quickly would be gone before its client has read it"
    };
    diagnostics.error(name, format!("{fault}: write a longer time, as in `{name} = \"1h\"`"));
    Ok(None)
}

fn max_bytes(name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Option<u64>> {
    let most = value::<LitInt>(input)?.and_then(|most| most.base10_parse::<u64>().ok()).filter(|most| *most > 0);
    if most.is_some() && (input.is_empty() || input.peek(Token![,])) {
        return Ok(most);
    }
    diagnostics.error(name, "`max_bytes` takes a whole number of bytes, at least 1, as in `max_bytes = 16_000_000`");
    skip_value(input)?;
    Ok(None)
}

/// Whether the arguments of an `#[sse_handler]` have the option of this name, valid or not.
pub(crate) fn has_word(arguments: TokenStream, word: &str) -> bool {
    arguments.into_iter().any(|token| matches!(token, proc_macro2::TokenTree::Ident(found) if found == word))
}
