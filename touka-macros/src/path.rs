//! The path of a route: its captures, checked with the router's own parser, and its query.

use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::{Ident, LitStr};

use crate::diagnostics::Diagnostics;
use crate::query;

/// The path of a route and the names of its placeholders, in order.
pub(crate) struct RoutePath {
    /// The path as written, with the query.
    pub(crate) literal: LitStr,
    pub(crate) captures: Vec<String>,
    pub(crate) queries: Vec<String>,
    /// Whether the placeholders could be recognized. If not, they are not compared with the parameters,
    /// because that would report the same mistake again.
    pub(crate) legible: bool,
}

impl RoutePath {
    /// Parses the path and reports its mistakes.
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
                diagnostics.error(&literal, format!("the path has two captures named `{{{name}}}`: rename one"));
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
                    "the query has `{{{name}}}` twice: remove one; for a parameter that is repeated, take a `Vec`"
                );
                diagnostics.error(&literal, text);
            } else if captures.contains(&name) {
                let text = format!("`{{{name}}}` is both in the path and in the query: rename one");
                diagnostics.error(&literal, text);
            } else {
                queries.push(name);
            }
        }
        Self { literal, captures, queries, legible }
    }

    /// The path for the router, without the query.
    pub(crate) fn of_the_router(&self) -> LitStr {
        LitStr::new(query::split(&self.literal.value()).0, self.literal.span())
    }

    /// Whether the path has a capture for a parameter of this name.
    pub(crate) fn captures(&self, name: &Ident) -> bool {
        let name = name.unraw();
        self.captures.iter().any(|known| name == known)
    }

    /// Whether the query has a name for a parameter of this name.
    pub(crate) fn queries(&self, name: &Ident) -> bool {
        let name = name.unraw();
        self.queries.iter().any(|known| name == known)
    }

    /// Whether a placeholder has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.captures.iter().chain(&self.queries).any(|known| known == name)
    }
}

/// The message about a capture whose name is not an identifier.
fn no_parameter_name(name: &str) -> Option<String> {
    if Ident::parse_any.parse_str(name).is_ok() {
        return None;
    }
    let valid: String = name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
    let hint =
        if Ident::parse_any.parse_str(&valid).is_ok() { format!(", such as `{{{valid}}}`") } else { String::new() };
    Some(format!("the capture `{{{name}}}` must be named like a function parameter, so it must be an identifier{hint}"))
}

/// A mistake in a path.
struct Fault {
    text: String,
    /// See [`RoutePath::legible`].
    legible: bool,
}

/// The first mistake that the router would reject, with its remedy.
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
        return garbled("a fragment is never sent to a server: remove everything from the `#` on".to_owned());
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
    // The router's own parser decides about the rest, so that the two cannot disagree.
    let error = matchit::Router::new().insert(path, ()).err()?;
    garbled(match error {
        matchit::InsertError::InvalidCatchAll => {
            "a `{*capture}` captures the rest of the path, so it must be at the end, after a `/`".to_owned()
        }
        matchit::InsertError::InvalidParam => {
            "a capture needs a name and a closing brace, as in `{name}`; a literal brace is doubled: `{{` or `}}`"
                .to_owned()
        }
        matchit::InsertError::InvalidParamSegment => "a path segment can have only one capture".to_owned(),
        other => other.to_string(),
    })
}

/// The names in braces; doubled braces are literal.
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
    fn escaped_braces_are_not_captures() {
        assert_eq!(names("/"), [""; 0]);
        assert_eq!(names("/a/{b}/c.{d}"), ["b", "d"]);
        assert_eq!(names("/{{no}}/{*rest}"), ["rest"]);
    }

    #[test]
    fn messages_name_the_remedy() {
        for (path, part) in [
            ("", "\"/\""),
            ("rooms", "\"/rooms\""),
            ("/a#b", "fragment"),
            ("/:id", "`{id}`"),
            ("/<id>", "`{id}`"),
            ("/{*all}/x", "at the end"),
            ("/{", "closing brace"),
            ("/{}", "a name"),
            ("/{a}{b}", "one capture"),
        ] {
            let fault = fault(path, None).unwrap_or_else(|| panic!("{path} was accepted"));
            assert!(fault.text.contains(part), "{path}: {}", fault.text);
        }
        assert!(fault("/a", Some("{b}#c")).is_some_and(|fault| fault.text.contains("fragment")));
        assert!(fault("/a/{b", Some("}")).is_some_and(|fault| fault.text.contains("`?{b}`")));
        for path in ["/", "/a/{b}", "/{b}.json", "/a/{*rest}", "/{{a}}"] {
            assert!(fault(path, Some("{q}")).is_none(), "{path}");
        }
    }
}
