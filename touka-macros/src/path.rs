//! The path of a route: its captures, checked with the router's own grammar, and its query.

use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Ident, LitStr};

use crate::diagnostics::Diagnostics;
use crate::query;

/// The path of a route and the names of its placeholders, in order.
pub(crate) struct RoutePath {
    /// As it was written, with the query.
    pub(crate) literal: LitStr,
    pub(crate) captures: Vec<String>,
    pub(crate) queries: Vec<String>,
    /// Its placeholders are what the user meant. Where they are not, no parameter is compared with
    /// them: that mistake would only be the same one again.
    pub(crate) legible: bool,
}

impl RoutePath {
    /// Checks the path and reports what is wrong.
    pub(crate) fn parse(literal: LitStr, diagnostics: &mut Diagnostics) -> Self {
        let text = literal.value();
        let (path, query) = query::split(&text);
        let mut legible = true;
        if let Some(fault) = fault(path, query) {
            diagnostics.error(&literal, fault.text);
            legible = fault.legible;
        }
        let mut captures: Vec<String> = Vec::new();
        for name in names(path) {
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
        let mut queries: Vec<String> = Vec::new();
        let found = query.filter(|_| legible).map_or(Ok(Vec::new()), query::names);
        for name in found.unwrap_or_else(|text| {
            diagnostics.error(&literal, text);
            legible = false;
            Vec::new()
        }) {
            if queries.contains(&name) {
                let text = format!(
                    "the name `{{{name}}}` stands in the query twice: once is enough, and a `Vec` takes what is repeated"
                );
                diagnostics.error(&literal, text);
            } else if captures.contains(&name) {
                let text = format!("`{{{name}}}` stands in the path and in the query: rename one");
                diagnostics.error(&literal, text);
            } else {
                queries.push(name);
            }
        }
        Self { literal, captures, queries, legible }
    }

    /// What the router gets: the path without its query.
    pub(crate) fn of_the_router(&self) -> LitStr {
        LitStr::new(query::split(&self.literal.value()).0, self.literal.span())
    }

    /// The path captures a value for a parameter of this name.
    pub(crate) fn captures(&self, name: &Ident) -> bool {
        let name = name.unraw();
        self.captures.iter().any(|known| name == known)
    }

    /// The query has a value for a parameter of this name.
    pub(crate) fn queries(&self, name: &Ident) -> bool {
        let name = name.unraw();
        self.queries.iter().any(|known| name == known)
    }

    /// A placeholder has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.captures.iter().chain(&self.queries).any(|known| known == name)
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
fn fault(path: &str, query: Option<&str>) -> Option<Fault> {
    let legible = |text: String| Some(Fault { text, legible: true });
    let garbled = |text: String| Some(Fault { text, legible: false });
    if path.is_empty() {
        return legible("the path is empty: the root is \"/\"".to_owned());
    }
    if let Some((_, name)) = path.rsplit_once('{').filter(|(_, name)| query.is_some() && !name.contains('}')) {
        return garbled(format!(
            "a capture cannot be optional: write a second route without it, or take it from the query, as in `?{{{name}}}`"
        ));
    }
    if path.contains('#') || query.is_some_and(|query| query.contains('#')) {
        return garbled("a fragment never reaches a server: leave out what begins with `#`".to_owned());
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
            ("/a#b", "fragment"),
            ("/:id", "`{id}`"),
            ("/<id>", "`{id}`"),
            ("/{*all}/x", "at its end"),
            ("/{", "closed"),
            ("/{}", "with a name"),
            ("/{a}{b}", "one capture"),
        ] {
            let fault = fault(path, None).unwrap_or_else(|| panic!("{path} was taken"));
            assert!(fault.text.contains(part), "{path}: {}", fault.text);
        }
        assert!(fault("/a", Some("{b}#c")).is_some_and(|fault| fault.text.contains("fragment")));
        assert!(fault("/a/{b", Some("}")).is_some_and(|fault| fault.text.contains("`?{b}`")));
        for path in ["/", "/a/{b}", "/{b}.json", "/a/{*rest}", "/{{a}}"] {
            assert!(fault(path, Some("{q}")).is_none(), "{path}");
        }
    }
}
