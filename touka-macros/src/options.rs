//! [`Options`]: the options of `#[sse_handler(…)]`.

use std::time::Duration;

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitInt, LitStr, Path, Token};

use crate::args::{comma, crate_path, looks_like_a_route, skip_value};
use crate::detached::RunOption;
use crate::diagnostics::{Diagnostics, did_you_mean};
use crate::keyword::{
    CALLBACK, CHANNEL, CLOSE_AT, CLOSE_WHEN, CRATE, DETACHED, END, EXPIRED_EVENT, HEAD, KEEP_ALIVE, KEEP_FOR, LABEL,
    LAST_EVENT, MAX_BYTES, MAX_LIFETIME, MAX_RUN, ON_CLOSE, ON_DISCONNECT, ON_ERROR, OPEN_AFTER, OPTIONS, OWNER, RETRY,
    ROUTED, STOP_GRACE, WHOLE_BLOCKS, WRITE_TIMEOUT,
};
use crate::template::Template;
use crate::values::{a_duration, alone, checked, function, value};

/// The options, each with its name, which is the location of errors about it.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) krate: Option<Path>,
    pub(crate) mode: Mode,
    /// The settings, in the order of the source.
    pub(crate) settings: Vec<(Ident, Setting)>,
    /// The options of the run of a detached handler, in the order of the source.
    pub(crate) run: Vec<(Ident, RunOption)>,
    /// Whether a `#[route]` has marked the attribute.
    pub(crate) routed: bool,
}

/// How the body runs.
#[derive(Default)]
pub(crate) enum Mode {
    /// Polled by the connection.
    #[default]
    Generator,
    /// Called repeatedly.
    Callback(Ident),
    /// On a task of its own, with a queue of this capacity.
    Channel(Ident, LitInt),
    /// As a run, whose key has this template. `None` for an invalid one, which is reported.
    Detached(Ident, Option<Template>),
}

/// One setting of the stream.
pub(crate) enum Setting {
    KeepAlive(Option<Duration>),
    WholeBlocks,
    Retry(Duration),
    OpenAfter(Duration),
    MaxLifetime(Duration),
    WriteTimeout(Duration),
    End(LitStr),
    OnError(Path),
    OnClose(Path),
    /// An expression that may use the handler's parameters. It is evaluated before the body runs.
    Value(Box<Expr>),
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let mut options = Self::default();
        let parser = |input: ParseStream<'_>| options.read(input, diagnostics);
        if let Err(error) = parser.parse2(tokens) {
            diagnostics.add(error);
        }
        options
    }

    fn read(&mut self, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        if let Some(word) = looks_like_a_route(input) {
            diagnostics
                .error(word, "the method and the path belong in a separate attribute: `#[route(METHOD, \"/path\")]`");
            let _rest: TokenStream = input.parse()?;
            return Ok(());
        }
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let Ok(name) = input.call(Ident::parse_any) else {
                return Err(input.error("expected an option, as in `retry = \"3s\"`"));
            };
            let word = name.to_string();
            if seen.contains(&word) {
                diagnostics.error(&name, format!("`{word}` is given twice: remove one"));
                skip_value(input)?;
            } else {
                self.option(&name, input, diagnostics)?;
                seen.push(word);
            }
            comma(input)?;
        }
        Ok(())
    }

    fn option(&mut self, name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        let word = name.to_string();
        let setting = match word.as_str() {
            CRATE => {
                self.krate = crate_path(name, input, diagnostics)?;
                return Ok(());
            }
            ROUTED => {
                self.routed = true;
                return Ok(());
            }
            CALLBACK | CHANNEL | DETACHED => return self.read_mode(name, input, diagnostics),
            KEEP_FOR | LAST_EVENT | MAX_BYTES | MAX_RUN | ON_DISCONNECT | OWNER | STOP_GRACE => {
                let option = RunOption::read(name, input, diagnostics)?;
                self.run.push((name.clone(), option));
                return Ok(());
            }
            KEEP_ALIVE => keep_alive(name, input, diagnostics)?,
            WHOLE_BLOCKS => {
                alone(name, input, diagnostics)?;
                Some(Setting::WholeBlocks)
            }
            RETRY => a_duration(name, input, diagnostics)?.map(Setting::Retry),
            OPEN_AFTER => a_duration(name, input, diagnostics)?.map(Setting::OpenAfter),
            MAX_LIFETIME => a_duration(name, input, diagnostics)?.map(Setting::MaxLifetime),
            WRITE_TIMEOUT => a_duration(name, input, diagnostics)?.map(Setting::WriteTimeout),
            END => the_end(name, input, diagnostics)?,
            ON_ERROR => function(name, input, diagnostics)?.map(Setting::OnError),
            ON_CLOSE => function(name, input, diagnostics)?.map(Setting::OnClose),
            CLOSE_AT | CLOSE_WHEN | EXPIRED_EVENT | HEAD | LABEL => expression(name, input, diagnostics)?,
            _ => {
                let hint = did_you_mean(&word, OPTIONS);
                diagnostics.error(name, format!("unknown option `{word}`{hint}"));
                skip_value(input)?;
                None
            }
        };
        self.settings.extend(setting.map(|setting| (name.clone(), setting)));
        Ok(())
    }

    fn read_mode(&mut self, name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<()> {
        let other = match &self.mode {
            Mode::Generator => None,
            Mode::Callback(other) | Mode::Channel(other, _) | Mode::Detached(other, _) => Some(other),
        };
        if let Some(other) = other {
            diagnostics.error(name, one_mode(name, other));
            return skip_value(input);
        }
        if name == DETACHED {
            self.mode = Mode::Detached(name.clone(), Template::read(name, input, diagnostics)?);
            return Ok(());
        }
        if name == CALLBACK {
            alone(name, input, diagnostics)?;
            self.mode = Mode::Callback(name.clone());
            return Ok(());
        }
        // With an invalid capacity the mode is still known, so that the checks of the mode report nothing else.
        let one = LitInt::new("1", name.span());
        let length = value::<LitInt>(input)?.filter(|length| length.base10_parse::<usize>().is_ok_and(|n| n > 0));
        if length.is_none() {
            let text = "`channel` takes the capacity of its queue, at least 1, as in `channel = 32`";
            diagnostics.error(name, text);
            skip_value(input)?;
        }
        self.mode = Mode::Channel(name.clone(), length.unwrap_or(one));
        Ok(())
    }

    /// Whether the handler's body is a run.
    pub(crate) const fn is_detached(&self) -> bool {
        matches!(self.mode, Mode::Detached(..))
    }

    /// The name of the event that marks a normal end.
    pub(crate) fn end(&self) -> Option<&LitStr> {
        self.settings.iter().find_map(|(_, setting)| match setting {
            Setting::End(end) => Some(end),
            _ => None,
        })
    }
}

/// The message about two modes in one attribute.
fn one_mode(name: &Ident, other: &Ident) -> &'static str {
    let is = |word: &str| name == word || other == word;
    if !is(DETACHED) {
        "a handler has one mode: keep either `callback` or `channel`"
    } else if is(CALLBACK) {
        "a detached handler runs its body once: remove `callback`, and write a loop with `emit!`"
    } else {
        "a detached handler runs on a task of its own already: remove `channel`, and write `emit!` instead of sending"
    }
}

fn keep_alive(name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Option<Setting>> {
    if let Some(text) = value::<LitStr>(input)? {
        return Ok(checked(&text, diagnostics).map(|interval| Setting::KeepAlive(Some(interval))));
    }
    if let Ok(word) = input.fork().parse::<Ident>()
        && word == "off"
    {
        input.parse::<Ident>()?;
        return Ok(Some(Setting::KeepAlive(None)));
    }
    diagnostics.error(name, "`keep_alive` takes a duration in quotes, as in `keep_alive = \"15s\"`, or `off`");
    skip_value(input)?;
    Ok(None)
}

/// Reads the name of the end. It is also an id, which comes back as a header, so the rules of both apply.
fn the_end(name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Option<Setting>> {
    let Some(text) = value::<LitStr>(input)? else {
        diagnostics.error(name, "`end` takes the name of the last event in quotes, as in `end = \"done\"`");
        skip_value(input)?;
        return Ok(None);
    };
    let end = text.value();
    let fault = if end.is_empty() {
        "the name of the last event is empty: write one such as \"done\""
    } else if end.chars().any(char::is_control) {
        "the name of the last event contains a control character, which would break the stream"
    } else if end.trim_matches(' ') != end {
        "the name of the last event starts or ends with a space, which clients remove"
    } else if end.len() > 256 {
        "the name of the last event is longer than 256 bytes, the limit for a `Last-Event-ID` header"
    } else {
        return Ok(Some(Setting::End(text)));
    };
    diagnostics.error(&text, fault);
    Ok(None)
}

/// Reads an expression that may use the handler's parameters.
fn expression(name: &Ident, input: ParseStream<'_>, diagnostics: &mut Diagnostics) -> syn::Result<Option<Setting>> {
    if name == CLOSE_AT && input.peek(Token![=]) && input.peek2(LitStr) {
        let _equals: TokenTree = input.parse()?;
        let text: LitStr = input.parse()?;
        let lifetime =
            format!("`close_at` takes a point in time: for a duration, write `max_lifetime = {:?}`", text.value());
        diagnostics.error(&text, lifetime);
        skip_value(input)?;
        return Ok(None);
    }
    if let Some(value) = value::<Expr>(input)?
        && (input.is_empty() || input.peek(Token![,]))
    {
        return Ok(Some(Setting::Value(Box::new(value))));
    }
    let example = match name.to_string().as_str() {
        CLOSE_AT => "claims.expires_at",
        CLOSE_WHEN => "token.clone().cancelled_owned()",
        HEAD => "[(\"x-trace\", trace.clone())]",
        LABEL => "format!(\"user {user}\")",
        _ => "Event::data(\"\").event(\"signed-out\")",
    };
    diagnostics
        .error(name, format!("`{name}` takes an expression, which may use the parameters: `{name} = {example}`"));
    skip_value(input)?;
    Ok(None)
}
