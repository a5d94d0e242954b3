//! The rule that `emit!` is not used in a plain closure, which cannot await.
//!
//! The compiler would report an `await` that the user did not write, at the attribute.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::diagnostics::Diagnostics;
use crate::keyword::EMIT;

/// Reports each `emit!` in a plain closure, if the tokens leave no doubt that it is one: an argument or an
/// initializer that begins with `|`. All other closures are left to the compiler.
pub(crate) fn check(body: TokenStream, diagnostics: &mut Diagnostics) {
    find_closures(body, Delimiter::Brace, diagnostics);
}

fn find_closures(tokens: TokenStream, delimiter: Delimiter, diagnostics: &mut Diagnostics) {
    let in_list = matches!(delimiter, Delimiter::Parenthesis | Delimiter::Bracket);
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    // Whether the next token begins an argument or an initializer.
    let mut begins = in_list;
    let mut rest = &tokens[..];
    while let [token, behind @ ..] = rest {
        rest = behind;
        if begins && is_sign(token, '|') {
            let params = behind.iter().position(|token| is_sign(token, '|')).map_or(behind.len(), |end| end + 1);
            let body = &behind[params..];
            let end = body.iter().position(|token| is_sign(token, ',') || is_sign(token, ';')).unwrap_or(body.len());
            find_emits(&body[..end], diagnostics);
            rest = &body[end..];
            begins = false;
            continue;
        }
        match token {
            // The arguments of a macro are not necessarily Rust.
            TokenTree::Punct(bang) if bang.as_char() == '!' && matches!(behind, [TokenTree::Group(_), ..]) => {
                rest = &behind[1..];
            }
            TokenTree::Group(group) => find_closures(group.stream(), group.delimiter(), diagnostics),
            _ => {}
        }
        begins = is_sign(token, '=') || in_list && is_sign(token, ',') || begins && is_word(token, "move");
    }
}

/// Reports the emits of a closure's body, except those in `async` blocks.
fn find_emits(body: &[TokenTree], diagnostics: &mut Diagnostics) {
    let mut rest = body;
    while let [token, behind @ ..] = rest {
        rest = behind;
        match (token, behind) {
            (TokenTree::Ident(word), _) if word == "async" => rest = after_group(behind),
            (TokenTree::Ident(word), [bang, TokenTree::Group(_), ..]) if is_sign(bang, '!') => {
                report(word, diagnostics);
                rest = &behind[2..];
            }
            (TokenTree::Group(group), _) => find_emits(&inner(group), diagnostics),
            _ => {}
        }
    }
}

fn report(called: &Ident, diagnostics: &mut Diagnostics) {
    if called == EMIT {
        let text = "`emit!` does not work in a plain closure, which cannot await: use a `for` loop, or return an `async` \
                    block from the closure and await it";
        diagnostics.error(called, text);
    }
}

fn inner(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn after_group(tokens: &[TokenTree]) -> &[TokenTree] {
    let group = tokens
        .iter()
        .position(|token| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace));
    group.map_or(&[], |group| &tokens[group + 1..])
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn errors(body: &str) -> usize {
        let mut diagnostics = Diagnostics::new();
        check(TokenStream::from_str(body).unwrap(), &mut diagnostics);
        diagnostics.finish().map_or(0, |errors| errors.to_string().matches("plain closure").count())
    }

    #[test]
    fn an_emit_in_a_plain_closure_is_an_error() {
        for body in [
            "list.for_each(|x| emit!(x));",
            "list.for_each(move |x| { let y = x; emit!(y); });",
            "let say = |x| emit!(x); say(1);",
            "call(1, || { if a { emit!(1) } }, 2);",
            "if a { list.map(|(a, b)| Some(emit!(a))) }",
        ] {
            assert_eq!(errors(body), 1, "{body}");
        }
    }

    #[test]
    fn an_emit_elsewhere_is_not() {
        for body in [
            "list.map(|x| async move { emit!(x) });",
            "list.map(|x| Box::pin(async { emit!(x) }));",
            "list.for_each(async |x| emit!(x));",
            "match x { A | B => emit!(1), | C => emit!(2), _ if a || b => emit!(3) }",
            "if (a | b) == c || d { emit!(a | b) }",
            "let x = a | b; emit!(x);",
            "select! { x = f(|x| x) => emit!(x), | y => emit!(y) }",
            "matches!(x, | A if emit!(1));",
            "list.filter(|x| x > 1); emit!(2);",
            "call(|x| x, emit!(1))",
        ] {
            assert_eq!(errors(body), 0, "{body}");
        }
    }
}
