//! The path of a route: its captures, checked with the router's own grammar.

use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Ident, LitStr};

use crate::diagnostics::Diagnostics;

/// The path of a route and the names of its captures, in order.
pub(crate) struct RoutePath {
    pub(crate) literal: LitStr,
    pub(crate) captures: Vec<String>,
    /// Its captures are what the user meant. Where they are not, no parameter is compared with
    /// them: that mistake would only be the same one again.
    pub(crate) legible: bool,
}

impl RoutePath {
    /// Checks the path and reports what is wrong.
    pub(crate) fn parse(literal: LitStr, diagnostics: &mut Diagnostics) -> Self {
        let text = literal.value();
        let mut legible = true;
        if let Some(fault) = fault(&text) {
            diagnostics.error(&literal, fault.text);
            legible = fault.legible;
        }
        let mut captures: Vec<String> = Vec::new();
        for name in names(&text) {
            if captures.contains(&name) {
                diagnostics.error(&literal, format!("the capture `{{{name}}}` stands in the path twice: rename one"));
                continue;
            }
            if let Some(text) = no_parameter_name(&name).filter(|_| legible) {
                diagnostics.error(&literal, text);
                legible = false;
            }
            captures.push(name);
        }
        Self { literal, captures, legible }
    }

    /// The path captures a value for a parameter of this name.
    pub(crate) fn captures(&self, name: &Ident) -> bool {
        let name = name.unraw();
        self.captures.iter().any(|known| name == known)
    }
}

/// Why no parameter can have the name of a capture.
fn no_parameter_name(name: &str) -> Option<String> {
    if Ident::parse_any.parse_str(name).is_ok() {
        return None;
    }
    let valid: String = name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
    let hint =
        if Ident::parse_any.parse_str(&valid).is_ok() { format!(", such as `{{{valid}}}`") } else { String::new() };
    Some(format!(
        "the capture `{{{name}}}` is named like the parameter that takes it, so it must be an identifier{hint}"
    ))
}

/// What is wrong with a path.
struct Fault {
    text: String,
    legible: bool,
}

/// What the router would refuse, with the remedy where there is one.
fn fault(path: &str) -> Option<Fault> {
    let legible = |text: String| Some(Fault { text, legible: true });
    let garbled = |text: String| Some(Fault { text, legible: false });
    if path.is_empty() {
        return legible("the path is empty: the root is \"/\"".to_owned());
    }
    if path.contains('?') {
        return garbled("a path ends where its query begins: take the query with an extractor".to_owned());
    }
    if path.contains('#') {
        return legible("a fragment never reaches a server: leave out what begins with `#`".to_owned());
    }
    if let Some(name) = path.split('/').find_map(|part| part.strip_prefix(':')).filter(|name| !name.is_empty()) {
        return garbled(format!("a capture is written in braces: `{{{name}}}` instead of `:{name}`"));
    }
    if let Some(name) = path.split('/').find_map(|part| part.strip_prefix('<')?.strip_suffix('>')) {
        return garbled(format!("a capture is written in braces: `{{{name}}}` instead of `<{name}>`"));
    }
    if !path.starts_with('/') {
        return legible(format!("a path begins with `/`: write \"/{path}\""));
    }
    // The router itself decides the rest, so that the two cannot disagree.
    let error = matchit::Router::new().insert(path, ()).err()?;
    garbled(match error {
        matchit::InsertError::InvalidCatchAll => {
            "a `{*capture}` takes the rest of the path, so it stands at its end and after a `/`".to_owned()
        }
        matchit::InsertError::InvalidParam => {
            "a capture is `{name}`, with a name and closed; a brace that means itself is doubled: `{{` or `}}`"
                .to_owned()
        }
        matchit::InsertError::InvalidParamSegment => {
            "a part of a path between two `/` can hold one capture only".to_owned()
        }
        other => other.to_string(),
    })
}

/// The names between braces; doubled braces mean themselves.
fn names(path: &str) -> Vec<String> {
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
        assert_eq!(names("/"), [""; 0]);
        assert_eq!(names("/a/{b}/c.{d}"), ["b", "d"]);
        assert_eq!(names("/{{no}}/{*rest}"), ["rest"]);
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
            assert!(fault.text.contains(part), "{path}: {}", fault.text);
        }
        for path in ["/", "/a/{b}", "/{b}.json", "/a/{*rest}", "/{{a}}"] {
            assert!(fault(path).is_none(), "{path}");
        }
    }
}
