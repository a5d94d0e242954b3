//! [`Params`], the parameters of a request's path.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use super::param_rejection::{ParamRejection, Place};
use super::percent::segment;

/// The parameters of the path: for `/rooms/{room}` the segment at `{room}`, percent-decoded.
///
/// `#[route]` reads them into the function's parameters of the same name; those of the query are
/// [`QueryParams`](super::QueryParams). By hand, and in middleware:
///
/// ```
/// # use http::request::Parts;
/// use touka::extract::{ParamRejection, Params};
///
/// fn room(parts: &Parts) -> Result<u32, ParamRejection> {
///     Params::from_parts(parts).parse("room")
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// In the order of the path. A path has so few parameters that a scan is faster than a map.
    values: Arc<[(String, Result<String, NotUtf8>)]>,
}

#[derive(Clone, Copy, Debug)]
struct NotUtf8;

impl Params {
    /// Decodes the captures of the route that matched.
    pub(crate) fn decode<'a>(raw: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let values = raw.map(|(name, value)| (name.to_owned(), segment(value).ok_or(NotUtf8)));
        Self { values: values.collect() }
    }

    /// Reads the parameters of a request. There are none if no route of touka matched it.
    pub fn from_parts(parts: &Parts) -> Self {
        parts.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// The text of one parameter. `None` if the path has no such capture, or if its text is not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name)?.as_deref().ok()
    }

    /// Parses one parameter.
    ///
    /// # Errors
    /// The path has no such capture, or its text is not UTF-8 or not a `T`. As a response: 400
    /// with one line that names the parameter and the reason.
    pub fn parse<T>(&self, name: &str) -> Result<T, ParamRejection>
    where
        T: FromStr<Err: fmt::Display>,
    {
        match self.find(name) {
            None => Err(ParamRejection::missing(Place::Path, name)),
            Some(Err(NotUtf8)) => Err(ParamRejection::not_utf8(Place::Path, name)),
            Some(Ok(text)) => ParamRejection::parse(Place::Path, name, text),
        }
    }

    fn find(&self, name: &str) -> Option<&Result<String, NotUtf8>> {
        self.values.iter().find_map(|(known, value)| (known == name).then_some(value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_parts(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_parsed() {
        let params = Params::decode([("room", "a%20b"), ("id", "7"), ("bad", "%ff")].into_iter());
        assert_eq!(params.get("room"), Some("a b"));
        assert_eq!(params.parse::<u8>("id"), Ok(7));
        assert_eq!(params.get("bad"), None);
        assert_eq!(params.parse::<String>("bad").unwrap_err().to_string(), "path parameter `bad`: it is not UTF-8");
        let error = params.parse::<u8>("room").unwrap_err().to_string();
        assert_eq!(error, "path parameter `room`: \"a b\" is not a valid u8: invalid digit found in string");
        assert!(params.parse::<u8>("nope").is_err());
    }
}
