//! The rule that an `sse!` block has no `?`, because its stream cannot fail.

use proc_macro2::{TokenStream, TokenTree};

use crate::diagnostics::Diagnostics;

/// Reports each `?` of the block itself, and returns whether there was one.
///
/// A `?` that may belong to a nested function, a closure or a macro is left to the compiler.
pub(crate) fn check(body: TokenStream, diagnostics: &mut Diagnostics) -> bool {
    let mut found = false;
    let mut last: Option<TokenTree> = None;
    // Whether the statement has a function, a closure or a block with a `?` of its own.
    let mut elsewhere = false;
    for token in body {
        match &token {
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => elsewhere = false,
                '|' => elsewhere = true,
                // Excludes `T: ?Sized` and the `$(…)?` of a macro.
                '?' if !elsewhere && ends_an_expression(last.as_ref()) => {
                    found = true;
                    diagnostics.error(
                        punct,
                        "`?` does not work in an `sse!` block, which cannot fail: use it before the block, where it returns \
                         from the function, or handle the error here; for a stream that can fail, use `#[sse_handler]` \
                         with `-> Result<EventStream, E>`, or `EventStream::try_generate`",
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
    fn a_question_mark_of_the_block_is_an_error() {
        for body in ["a()?;", "emit(a?)", "if a { b? }", "let x = y.await?.z;", "match a? {}", "for x in y[1]? {}"] {
            assert_eq!(errors(body), 1, "{body}");
        }
        assert_eq!(errors("a()??; b?"), 3);
    }

    #[test]
    fn a_question_mark_of_nested_code_is_not() {
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
