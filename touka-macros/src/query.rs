//! The query of a route: `{name}`s, separated by `&`.

use syn::Ident;
use syn::ext::IdentExt;
use syn::parse::Parser;

/// Splits the path of a route from its query.
pub(crate) fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)))
}

/// The names of a query, in order, or an error message.
pub(crate) fn names(query: &str) -> Result<Vec<String>, String> {
    if query.is_empty() {
        return Err("the query is empty: write `?{name}`, or remove the `?`".to_owned());
    }
    query.split('&').map(name).collect()
}

/// The name in the braces of one part.
fn name(part: &str) -> Result<String, String> {
    if part.is_empty() {
        return Err("expected a `{name}` on both sides of each `&`: remove the extra `&`".to_owned());
    }
    if part.contains('?') {
        return Err("a path has one `?`: separate the query parameters with `&`".to_owned());
    }
    if part.matches('{').count() > 1 {
        return Err(format!("query parameters are separated by `&`: write `{}`", separated(part)));
    }
    let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
        return Err(not_in_braces(part));
    };
    if name.starts_with('*') {
        return Err("a query has no catch-all: to read all of it, use the extractor `Query<T>`".to_owned());
    }
    if Ident::parse_any.parse_str(name).is_err() {
        return Err(not_a_name(name));
    }
    Ok(name.to_owned())
}

/// `{a}&{b}` of `{a},{b}`.
fn separated(part: &str) -> String {
    let names = part.split('{').skip(1).filter_map(|rest| Some(format!("{{{}}}", rest.split_once('}')?.0)));
    names.collect::<Vec<_>>().join("&")
}

/// The message about a part such as `since`, `since={since}` or `since=3`.
fn not_in_braces(part: &str) -> String {
    let name = part.split(['=', '{', '}']).find(|name| !name.is_empty()).unwrap_or("name");
    let remedy = if Ident::parse_any.parse_str(name).is_ok() { name } else { "name" };
    format!("a query parameter is a name in braces: write `{{{remedy}}}` instead of `{part}`")
}

/// The message about a name that is not an identifier, which a function parameter cannot have.
fn not_a_name(name: &str) -> String {
    if name.is_empty() {
        return "the braces are empty: write the name of the function parameter, as in `{name}`".to_owned();
    }
    format!(
        "the query parameter `{{{name}}}` must be named like a function parameter, so it must be an identifier; \
         for any other name, use the extractor `Query<T>` and serde's `rename`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        assert_eq!(split("/log"), ("/log", None));
        assert_eq!(split("/log?{a}&{b}"), ("/log", Some("{a}&{b}")));
        assert_eq!(names("{a}").unwrap(), ["a"]);
        assert_eq!(names("{a}&{type}&{b_2}").unwrap(), ["a", "type", "b_2"]);
    }

    #[test]
    fn messages_name_the_remedy() {
        for (query, part) in [
            ("", "`?{name}`"),
            ("{a}&", "both sides"),
            ("&{a}", "both sides"),
            ("{a}&&{b}", "both sides"),
            ("{a}?{b}", "one `?`"),
            ("{a},{b}", "`{a}&{b}`"),
            ("{a}{b}", "`{a}&{b}`"),
            ("a", "`{a}` instead of `a`"),
            ("a={a}", "`{a}` instead of `a={a}`"),
            ("a=3", "`{a}` instead of `a=3`"),
            ("{a", "`{a}` instead of `{a`"),
            ("{a}=3", "`{a}` instead of `{a}=3`"),
            ("=", "`{name}` instead of `=`"),
            ("{*rest}", "`Query<T>`"),
            ("{}", "`{name}`"),
            ("{page-size}", "`rename`"),
        ] {
            let fault = names(query).expect_err(query);
            assert!(fault.contains(part), "{query}: {fault}");
        }
    }
}
