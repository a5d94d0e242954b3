//! The path of a route: its captures, checked with the router's own grammar.

use syn::LitStr;

use crate::diagnostics::Diagnostics;

/// The path of a route and the names of its captures, in order.
pub(crate) struct RoutePath {
    pub(crate) literal: LitStr,
    pub(crate) captures: Vec<String>,
}

impl RoutePath {
    /// Checks the path. What is wrong is reported; the captures that could be read are kept, so
    /// that a parameter is not called unknown as well.
    pub(crate) fn parse(literal: LitStr, diagnostics: &mut Diagnostics) -> Self {
        let text = literal.value();
        if let Some(fault) = fault(&text) {
            diagnostics.error(&literal, fault);
        }
        let captures = captures(&text);
        for (index, name) in captures.iter().enumerate() {
            if captures[..index].contains(name) {
                diagnostics.error(&literal, format!("the capture `{{{name}}}` stands in the path twice: rename one"));
            }
            if syn::parse_str::<syn::Ident>(name).is_err() {
                let text = format!(
                    "the capture `{{{name}}}` must be named like the parameter that takes it, so it must be an identifier"
                );
                diagnostics.error(&literal, text);
            }
        }
        Self { literal, captures }
    }
}

/// What the router would refuse, with the remedy where there is one.
fn fault(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("the path is empty: the root is \"/\"".to_owned());
    }
    if !path.starts_with('/') {
        return Some(format!("a path begins with `/`: write \"/{path}\""));
    }
    if path.contains('?') {
        return Some("a path ends where its query begins: take the query with an extractor".to_owned());
    }
    if path.contains('#') {
        return Some("a fragment never reaches a server: leave out what begins with `#`".to_owned());
    }
    if let Some(name) = path.split('/').find_map(|segment| segment.strip_prefix(':')).filter(|name| !name.is_empty()) {
        return Some(format!("a capture is written in braces: `{{{name}}}` instead of `:{name}`"));
    }
    if let Some(name) = path.split('/').find_map(|part| part.strip_prefix('<')?.strip_suffix('>')) {
        return Some(format!("a capture is written in braces: `{{{name}}}` instead of `<{name}>`"));
    }
    // The router itself decides the rest, so that the two cannot disagree.
    let error = matchit::Router::new().insert(path, ()).err()?;
    Some(match error {
        matchit::InsertError::InvalidCatchAll => {
            "a `{*capture}` takes the rest of the path, so it stands at its end and after a `/`".to_owned()
        }
        matchit::InsertError::InvalidParam => {
            "a capture is `{name}`, with a name and closed; a brace that means itself is doubled: `{{` or `}}`".to_owned()
        }
        matchit::InsertError::InvalidParamSegment => {
            "a part of a path between two `/` can hold one capture only".to_owned()
        }
        other => other.to_string(),
    })
}

/// The names between braces; doubled braces mean themselves.
fn captures(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = path;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        if let Some(escaped) = rest.strip_prefix('{') {
            rest = escaped;
            continue;
        }
        let Some(close) = rest.find('}') else { break };
        let name = rest[..close].trim_start_matches('*');
        if !name.is_empty() {
            names.push(name.to_owned());
        }
        rest = &rest[close + 1..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_found_and_escapes_are_not() {
        assert_eq!(captures("/"), [""; 0]);
        assert_eq!(captures("/a/{b}/c.{d}"), ["b", "d"]);
        assert_eq!(captures("/{{no}}/{*rest}"), ["rest"]);
    }

    #[test]
    fn faults_carry_their_remedy() {
        for (path, part) in [
            ("", "\"/\""),
            ("rooms", "\"/rooms\""),
            ("/a?b", "extractor"),
            ("/:id", "`{id}`"),
            ("/<id>", "`{id}`"),
            ("/{*all}/x", "at its end"),
            ("/{", "closed"),
            ("/{}", "with a name"),
            ("/{a}{b}", "one capture"),
        ] {
            let fault = fault(path).unwrap_or_else(|| panic!("{path} was taken"));
            assert!(fault.contains(part), "{path}: {fault}");
        }
        for path in ["/", "/a/{b}", "/{b}.json", "/a/{*rest}", "/{{a}}"] {
            assert_eq!(fault(path), None, "{path}");
        }
    }
}
