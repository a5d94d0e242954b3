//! Rewrites `yield value` in the body of an `sse!` to `emit!(value)`.
//!
//! The rewrite works on tokens: an incomplete body still expands, and a `yield` in the arguments of another
//! macro, such as `select!`, is found. All other tokens keep their place and their spans.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Token};

use crate::diagnostics::Diagnostics;
use crate::keyword::{EMIT, YIELD};

/// Macros with a `yield` of their own.
const GENERATORS: [&str; 7] = ["gen", "quote", "quote_spanned", "sse", "stream", "try_fn_stream", "try_stream"];

/// The remedy for a `yield` that cannot be rewritten.
const STATEMENT: &str = "write `yield value;`, or `emit!(value)`";

/// A body whose `yield`s are rewritten to emits.
pub(crate) struct Body {
    pub(crate) tokens: TokenStream,
    /// Whether the body can still be expanded: its only mistakes are missing values.
    pub(crate) sound: bool,
}

impl Body {
    /// Rewrites each `yield`, and reports those that cannot be rewritten.
    pub(crate) fn parse(tokens: TokenStream, diagnostics: &mut Diagnostics) -> Self {
        let mut rewrite = Rewrite { diagnostics, sound: true };
        let tokens = rewrite.tokens(tokens, Place { statements: true, ours: true });
        Self { tokens, sound: rewrite.sound }
    }
}

struct Rewrite<'a> {
    diagnostics: &'a mut Diagnostics,
    sound: bool,
}

/// The context of a sequence of tokens.
#[derive(Clone, Copy)]
struct Place {
    /// Whether a statement can begin at its first token.
    statements: bool,
    /// Whether the tokens are Rust. The arguments of another macro may use `yield` with another meaning.
    ours: bool,
}

/// The kind of the token before another.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// The beginning of a statement.
    Statement,
    /// The beginning of a match arm's body, which ends at a comma.
    Arm,
    /// A prefix that makes the next word a name: `'yield`, `$yield`, `#yield`.
    Sigil,
    /// Any other token, which only an operand can follow.
    Operand,
}

impl Rewrite<'_> {
    fn tokens(&mut self, tokens: TokenStream, place: Place) -> TokenStream {
        let mut rewritten = TokenStream::new();
        let mut rest: Vec<TokenTree> = tokens.into_iter().collect();
        rest.reverse();
        let mut before = if place.statements { Before::Statement } else { Before::Operand };
        // The last two tokens, to recognize the call of a macro: `name !`, then a group.
        let mut last: [Option<TokenTree>; 2] = [None, None];
        while let Some(token) = rest.pop() {
            let token = match token {
                TokenTree::Ident(word) if word == YIELD => {
                    let replaced = self.yielded(&word, before, place, &mut rest);
                    rewritten.extend(replaced.unwrap_or_else(|| TokenTree::Ident(word).into()));
                    before = Before::Operand;
                    last = [None, None];
                    continue;
                }
                TokenTree::Group(group) => self.group(group, before, place, &last),
                other => other,
            };
            before = after(&token, last[1].as_ref());
            last = [last[1].take(), Some(token.clone())];
            rewritten.extend([token]);
        }
        rewritten
    }

    fn group(&mut self, group: Group, before: Before, place: Place, last: &[Option<TokenTree>; 2]) -> TokenTree {
        let called = match last {
            [Some(TokenTree::Ident(name)), Some(TokenTree::Punct(bang))] if bang.as_char() == '!' => {
                Some(name.to_string())
            }
            _ => None,
        };
        if called.as_ref().is_some_and(|name| GENERATORS.contains(&name.as_str())) {
            return group.into();
        }
        let statements = match group.delimiter() {
            Delimiter::Brace => true,
            // The invisible group of a `macro_rules!` capture.
            Delimiter::None => before == Before::Statement,
            Delimiter::Parenthesis | Delimiter::Bracket => false,
        };
        let ours = place.ours && called.is_none();
        let mut inner = Group::new(group.delimiter(), self.tokens(group.stream(), Place { statements, ours }));
        inner.set_span(group.span());
        inner.into()
    }

    /// The emit that replaces a `yield`. The value is taken from `rest`.
    fn yielded(
        &mut self,
        word: &Ident,
        before: Before,
        place: Place,
        rest: &mut Vec<TokenTree>,
    ) -> Option<TokenStream> {
        match before {
            Before::Sigil => return None,
            Before::Operand if !place.ours => return None,
            Before::Operand => {
                let text = format!("`yield` has no value, so it must be a statement of its own: {STATEMENT}");
                self.diagnostics.error(word, text);
                self.sound = false;
                return None;
            }
            Before::Statement | Before::Arm => {}
        }
        let value = if before == Before::Arm { arm(rest) } else { statement(rest) };
        if value.is_empty() {
            // An empty block in its place lets an editor complete the rest of the body.
            self.diagnostics.error(word, format!("`yield` needs an event: {STATEMENT}"));
            return Some(TokenTree::from(Group::new(Delimiter::Brace, TokenStream::new())).into());
        }
        let value = self.tokens(value, Place { statements: false, ours: place.ours });
        Some(emit(word.span(), value))
    }
}

/// `emit!(value)`, with the span of the `yield`.
fn emit(span: Span, value: TokenStream) -> TokenStream {
    let mut bang = Punct::new('!', Spacing::Alone);
    bang.set_span(span);
    let mut value = Group::new(Delimiter::Parenthesis, value);
    value.set_span(span);
    [TokenTree::Ident(Ident::new(EMIT, span)), bang.into(), value.into()].into_iter().collect()
}

/// The context after a token.
fn after(token: &TokenTree, previous: Option<&TokenTree>) -> Before {
    let follows = |sign: char| matches!(previous, Some(TokenTree::Punct(found)) if found.as_char() == sign);
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Before::Statement,
        // The end of an attribute.
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && follows('#') => Before::Statement,
        TokenTree::Punct(punct) => match punct.as_char() {
            ';' => Before::Statement,
            '>' if follows('=') => Before::Arm,
            '\'' | '$' | '#' => Before::Sigil,
            _ => Before::Operand,
        },
        _ => Before::Operand,
    }
}

/// Takes the tokens up to the next `;` or the end.
fn statement(rest: &mut Vec<TokenTree>) -> TokenStream {
    let semicolon = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
    let end = rest.iter().rposition(semicolon).map_or(0, |end| end + 1);
    rest.drain(end..).rev().collect()
}

/// Takes the expression that is the body of a match arm. It is parsed, because it may contain commas, as in
/// `yield parse::<A, B>(text),`. If it is incomplete, takes the tokens up to the next comma.
fn arm(rest: &mut Vec<TokenTree>) -> TokenStream {
    let ahead: TokenStream = rest.iter().rev().cloned().collect();
    let split = |input: ParseStream<'_>| {
        let empty = input.is_empty() || input.peek(Token![,]);
        if !empty {
            input.parse::<Expr>()?;
        }
        let left = input.parse::<TokenStream>()?.into_iter().count();
        Ok(left)
    };
    let comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    let left = split.parse2(ahead).unwrap_or_else(|_| rest.iter().rposition(comma).map_or(0, |end| end + 1));
    rest.drain(left..).rev().collect()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn squeezed(text: &impl ToString) -> String {
        text.to_string().split_whitespace().collect()
    }

    fn rewritten(body: &str) -> (String, Option<String>) {
        let mut diagnostics = Diagnostics::new();
        let body = Body::parse(TokenStream::from_str(body).unwrap(), &mut diagnostics);
        (squeezed(&body.tokens), diagnostics.finish().map(|errors| errors.to_string()))
    }

    #[test]
    fn a_yield_statement_becomes_an_emit() {
        for (body, expected) in [
            ("yield 3;", "emit!(3);"),
            ("yield 3", "emit!(3)"),
            ("a(); yield b(|x| { x; }) + 1; yield c?;", "a(); emit!(b(|x| { x; }) + 1); emit!(c?);"),
            ("if a { yield b } else { yield c; } yield d", "if a { emit!(b) } else { emit!(c); } emit!(d)"),
            ("match a { B => yield c, D => yield e }", "match a { B => emit!(c), D => emit!(e) }"),
            ("match a { B => yield c::<D, E>(), _ => {} }", "match a { B => emit!(c::<D, E>()), _ => {} }"),
            ("match a { B => yield C { d, e }, }", "match a { B => emit!(C { d, e }), }"),
            ("match a { B if c >= d => yield e, }", "match a { B if c >= d => emit!(e), }"),
            ("#[allow(x)] yield 3;", "#[allow(x)] emit!(3);"),
            ("yield match a { B => 1, _ => 2 };", "emit!(match a { B => 1, _ => 2 });"),
            ("yield { yield 1; 2 };", "emit!({ emit!(1); 2 });"),
            ("async move { yield 1 }.await; || { yield 2; }", "async move { emit!(1) }.await; || { emit!(2); }"),
        ] {
            assert_eq!(rewritten(body), (squeezed(&expected), None), "{body}");
        }
    }

    #[test]
    fn a_yield_in_the_arguments_of_a_macro_becomes_an_emit() {
        for (body, expected) in [
            ("select! { x = a => { yield x } }", "select! { x = a => { emit!(x) } }"),
            ("select! { x = a => yield x, y = b => yield y }", "select! { x = a => emit!(x), y = b => emit!(y) }"),
            ("join!(async { yield 1 }, async { yield 2; })", "join!(async { emit!(1) }, async { emit!(2); })"),
            ("macro_rules! m { ($a:expr) => { yield $a } }", "macro_rules! m { ($a:expr) => { emit!($a) } }"),
        ] {
            assert_eq!(rewritten(body), (squeezed(&expected), None), "{body}");
        }
    }

    #[test]
    fn other_uses_of_the_word_are_kept() {
        for body in [
            "sse! { yield 1; }",
            "touka::sse! { yield 1; let x = yield; }",
            "async_stream::stream! { let x = yield 1; }",
            "html! { please yield to_me }",
            "r#yield(1); let r#yield = 2;",
            "x(\"yield 1;\"); // yield 2;",
            "rule!('yield, $yield)",
            "emit!(1); yields; yielded = 3",
        ] {
            assert_eq!(rewritten(body), (squeezed(&TokenStream::from_str(body).unwrap()), None), "{body}");
        }
    }

    #[test]
    fn a_yield_that_cannot_be_an_emit_is_an_error() {
        for body in
            ["yield;", "yield", "a(); { yield }", "match a { B => yield, _ => c }", "select! { _ = a => yield, }"]
        {
            let (left, errors) = rewritten(body);
            assert!(errors.is_some_and(|errors| errors.contains("needs an event")), "{body}");
            assert!(!left.contains("yield"), "{body}: {left}");
        }
        for body in
            ["let x = yield 1;", "a(yield 1)", "1 + yield 2", "return yield 1;", "yield yield 1;", "|x| yield x"]
        {
            let errors = rewritten(body).1;
            assert!(errors.is_some_and(|errors| errors.contains("statement of its own")), "{body}");
        }
    }
}
