//! The rule that an `sse!` block cannot fail.

use proc_macro2::{TokenStream, TokenTree};

use crate::diagnostics::Diagnostics;

/// A `?` of the block itself has nowhere to go: the block is a stream, and no `Result` of one.
///
/// Where it may belong to something else, such as a closure or the call of a macro, the compiler
/// decides. Tells whether there was one.
pub(crate) fn check(body: TokenStream, diagnostics: &mut Diagnostics) -> bool {
    let mut found = false;
    let mut last: Option<TokenTree> = None;
    // The statement holds a function, a closure or a block whose `?` is its own.
    let mut elsewhere = false;
    for token in body {
        match &token {
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => elsewhere = false,
                '|' => elsewhere = true,
                // Not `T: ?Sized`, and not the `$(…)?` of a macro.
                '?' if !elsewhere && ends_an_expression(last.as_ref()) => {
                    found = true;
                    diagnostics.error(
                        punct,
                        "an `sse!` block cannot fail, so `?` has nowhere to go: use it before the block, where it is the \
                         function's, or handle the error here; a stream that can fail is made by #[sse_handler] with \
                         `-> Result<EventStream, E>`, or by `EventStream::try_generate`",
                    );
                }
                _ => {}
            },
            TokenTree::Ident(word) if ["async", "fn", "macro_rules", "try"].iter().any(|other| word == other) => {
                elsewhere = true;
            }
            TokenTree::Group(group) if !elsewhere && !is_sign(last.as_ref(), '!') => {
                found |= check(group.stream(), diagnostics);
            }
            _ => {}
        }
        last = Some(token);
    }
    found
}

fn ends_an_expression(token: Option<&TokenTree>) -> bool {
    match token {
        Some(TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Literal(_)) => true,
        token => is_sign(token, '?'),
    }
}

fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn errors(body: &str) -> usize {
        let mut diagnostics = Diagnostics::new();
        let found = check(TokenStream::from_str(body).unwrap(), &mut diagnostics);
        let errors = diagnostics.finish();
        assert_eq!(found, errors.is_some(), "{body}");
        errors.map_or(0, |errors| errors.to_string().matches("cannot fail").count())
    }

    #[test]
    fn a_question_mark_of_the_block_is_found() {
        for body in ["a()?;", "emit(a?)", "if a { b? }", "let x = y.await?.z;", "match a? {}", "for x in y[1]? {}"] {
            assert_eq!(errors(body), 1, "{body}");
        }
        assert_eq!(errors("a()??; b?"), 3);
    }

    #[test]
    fn one_of_something_else_is_not() {
        for body in [
            "let a = |x| x?;",
            "async { a()?; Ok(()) }.await",
            "fn f() -> Option<()> { g()?; None }",
            "fn f<T: ?Sized>(t: &T) {}",
            "impl A { fn f() -> R { g()? } }",
            "macro_rules! m { ($($x:tt)?) => { $x? } }",
            "html! { a? }",
            "x(\"a?\")",
        ] {
            assert_eq!(errors(body), 0, "{body}");
        }
    }
}
