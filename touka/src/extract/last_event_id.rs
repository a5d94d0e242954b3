//! [`LastEventId`], where a client that comes back left off.

use std::convert::Infallible;

use axum_core::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::event::EventId;

/// The id of the last event that the client has seen, if it has seen one.
///
/// It is `None` on a first visit, and also for whatever is not a valid [`EventId`]: anyone can
/// send any header, and a bad one is no reason to turn a client away.
///
/// ```
/// use touka::extract::LastEventId;
/// use touka::{Event, route, sse_handler};
///
/// #[sse_handler]
/// #[route(GET, "/count")]
/// async fn count(LastEventId(last): LastEventId) {
///     let seen = last.and_then(|id| id.as_u64()).unwrap_or(0);
///     for number in seen + 1.. {
///         emit!(Event::data(number.to_string()).id(number));
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEventId(pub Option<EventId>);

impl LastEventId {
    /// Reads the `Last-Event-ID` header.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        // As bytes: a browser sends the id as UTF-8, which `HeaderValue::to_str` refuses.
        let id = headers.get("last-event-id").and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        Self(id.and_then(|id| EventId::new(id).ok()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_headers(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(value: &[u8]) -> Option<EventId> {
        let headers =
            HeaderMap::from_iter([("last-event-id".parse().unwrap(), HeaderValue::from_bytes(value).unwrap())]);
        LastEventId::from_headers(&headers).0
    }

    #[test]
    fn utf8_arrives_and_hostile_input_is_none() {
        assert_eq!(read("…7".as_bytes()), Some(EventId::new("…7").unwrap()));
        assert_eq!(read(b"41"), Some(EventId::from(41)));
        for hostile in [&b""[..], b"\xff\xfe", b"\tx", " \u{85}".as_bytes(), &[b'x'; 257]] {
            assert_eq!(read(hostile), None, "{hostile:?}");
        }
        assert_eq!(LastEventId::from_headers(&HeaderMap::new()).0, None);
    }
}
