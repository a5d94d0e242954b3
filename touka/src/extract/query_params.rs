//! [`QueryParams`], the parameters of a request's query.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use super::param_rejection::{ParamRejection, Place};
use super::percent::pairs;

/// The parameters of the query: of `/log?level=3&tag=a+b&tag=c` one `level` and two `tag`s.
///
/// Names and values are decoded as those of a form: `+` is a space, `%E2%82%AC` is `€`, and bytes that
/// are not UTF-8 become U+FFFD. A name without a `=` has the empty text as its value.
///
/// `#[route(GET, "/log?{level}&{tag}")]` reads them into the function's parameters of the same name, and
/// [`Query`](super::Query) reads all of them into a struct. By hand, and in middleware:
///
/// ```
/// # use http::request::Parts;
/// use touka::extract::{ParamRejection, QueryParams};
///
/// fn filter(parts: &Parts) -> Result<(u8, Option<u64>, Vec<String>), ParamRejection> {
///     let query = QueryParams::from_parts(parts);
///     Ok((query.parse("level")?, query.parse_optional("since")?, query.parse_all("tag")?))
/// }
/// # let (parts, ()) = http::Request::get("/log?level=3&tag=a+b&tag=c").body(()).unwrap().into_parts();
/// # assert_eq!(filter(&parts), Ok((3, None, vec!["a b".to_owned(), "c".to_owned()])));
/// ```
#[derive(Clone, Debug, Default)]
pub struct QueryParams {
    /// In the order of the query. A query has so few parameters that a scan is faster than a map.
    values: Arc<[(String, String)]>,
}

impl QueryParams {
    /// Reads the parameters of a request. There are none if it has no query.
    pub fn from_parts(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self { values: pairs(query).map(|(name, value)| (name.into_owned(), value.into_owned())).collect() }
    }

    /// The first text of one parameter. `None` if the query does not have it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All texts of one parameter, in the order of the query.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(move |(known, text)| (known == name).then_some(text.as_str()))
    }

    /// Parses one parameter.
    ///
    /// # Errors
    /// The query does not have the parameter, has it more than once, or its text is not a `T`. As a response: 400
    /// with one line that names the parameter and the reason.
    pub fn parse<T>(&self, name: &str) -> Result<T, ParamRejection>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let missing = || ParamRejection::missing(Place::Query, name);
        self.parse_optional(name)?.ok_or_else(missing)
    }

    /// Parses one parameter; `None` if the query does not have it.
    ///
    /// # Errors
    /// The query has the parameter more than once, or its text is not a `T`.
    pub fn parse_optional<T>(&self, name: &str) -> Result<Option<T>, ParamRejection>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let mut texts = self.all(name);
        let Some(text) = texts.next() else { return Ok(None) };
        match texts.count() {
            0 => ParamRejection::parse(Place::Query, name, text).map(Some),
            more => Err(ParamRejection::repeated(Place::Query, name, more + 1)),
        }
    }

    /// Parses all texts of one parameter, in the order of the query. There may be none.
    ///
    /// # Errors
    /// One of the texts is not a `T`.
    pub fn parse_all<T>(&self, name: &str) -> Result<Vec<T>, ParamRejection>
    where
        T: FromStr<Err: fmt::Display>,
    {
        self.all(name).map(|text| ParamRejection::parse(Place::Query, name, text)).collect()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for QueryParams {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_parts(parts))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn query(target: &str) -> QueryParams {
        let (parts, ()) = Request::get(target).body(()).unwrap().into_parts();
        QueryParams::from_parts(&parts)
    }

    #[test]
    fn values_are_decoded_and_parsed() {
        let query = query("/?a=1&b=x+y%2B%E2%82%AC&a=2&c&%64=4&bad=%FF");
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!([query.get("a"), query.get("c"), query.get("none")], [Some("1"), Some(""), None]);
        assert_eq!(query.parse_all::<u8>("a"), Ok(vec![1, 2]));
        assert_eq!(query.parse::<String>("b").as_deref(), Ok("x y+€"));
        assert_eq!(query.parse_optional::<String>("c"), Ok(Some(String::new())));
        assert_eq!(query.parse::<u8>("d"), Ok(4));
        assert_eq!(query.parse::<String>("bad").as_deref(), Ok("\u{fffd}"));
        assert_eq!(query.parse_optional::<u8>("none"), Ok(None));
        assert_eq!(query.parse_all::<u8>("none"), Ok(Vec::new()));
    }

    #[test]
    fn a_rejection_names_the_parameter_and_the_reason() {
        let query = query("/?a=1&a=2&b=x");
        let error = |result: Result<u8, ParamRejection>| result.unwrap_err().to_string();
        assert_eq!(error(query.parse("none")), "query parameter `none`: it is missing");
        assert_eq!(error(query.parse("a")), "query parameter `a`: it is given 2 times");
        let invalid = "query parameter `b`: \"x\" is not a valid u8: invalid digit found in string";
        assert_eq!(error(query.parse("b")), invalid);
        assert_eq!(error(query.parse_optional("b").map(Option::unwrap_or_default)), invalid);
        assert_eq!(error(query.parse_all("b").map(|all| all[0])), invalid);
        assert_eq!(query.parse::<u8>("b").unwrap_err().name(), "b");
        let rejection = |name| query.parse::<u8>(name).unwrap_err();
        assert!(rejection("none").is_missing() && rejection("a").is_repeated() && rejection("b").is_invalid());
        assert!(rejection("b").is_query() && !rejection("b").is_path() && !rejection("b").is_missing());
        assert_eq!((rejection("b").status().as_u16(), rejection("b").body_text().as_str()), (400, invalid));
        assert!(self::query("/").parse::<u8>("a").is_err());
    }
}
