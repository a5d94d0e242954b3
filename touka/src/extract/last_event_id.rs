//! [`LastEventId`], the id of the last event that a client has seen.

use std::convert::Infallible;

use axum_core::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use super::percent::pairs;
use crate::event::EventId;

/// The id of the last event that the client has seen, if it has seen one.
///
/// The id is read from the `Last-Event-ID` header, which a browser sends when it reconnects by itself. Without
/// that header it is read from `lastEventId` or `last_event_id` in the query: for the first request of a page that
/// has kept the id, and for clients that cannot set headers.
///
/// It is `None` on a first visit, and for a value that is not a valid [`EventId`]: anyone can send any header, and
/// an invalid one is no reason to reject a client.
///
/// ```
/// use touka::extract::LastEventId;
/// use touka::{Event, route, sse_handler};
///
/// #[sse_handler]
/// #[route(GET, "/count")]
/// async fn count(from: LastEventId) {
///     for number in from.next_number().. {
///         emit!(Event::data(number.to_string()).id(number));
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEventId(pub Option<EventId>);

impl LastEventId {
    /// Reads the id from the head of a request.
    pub fn from_parts(parts: &Parts) -> Self {
        let id = from_header(&parts.headers).or_else(|| from_query(parts.uri.query()?));
        Self(id)
    }

    /// The number of the next event, for a stream whose ids count from 1: the number after the client's id,
    /// and 1 for a client without an id, or with one that is not a number.
    ///
    /// The number can be any, since a client can send any id. A range from a number beyond the last event is empty,
    /// and the stream ends, as it must for a client that has seen everything but
    /// [the end](crate::EventStream::end).
    ///
    /// ```
    /// use touka::EventId;
    /// use touka::extract::LastEventId;
    ///
    /// assert_eq!(LastEventId(None).next_number(), 1);
    /// assert_eq!(LastEventId(Some(EventId::from(7))).next_number(), 8);
    /// assert!((LastEventId(Some(EventId::from(u64::MAX))).next_number()..=9).is_empty());
    /// ```
    pub fn next_number(&self) -> u64 {
        self.0.as_ref().and_then(EventId::as_u64).unwrap_or(0).saturating_add(1)
    }

    /// Whether the client has seen the event that [`EventStream::end`](crate::EventStream::end) of this
    /// name sends. There is nothing more for such a client; answer it with 204, and it does not come back.
    ///
    /// It is false for a client that has seen the last event but not the end:
    /// [its body must return](crate::EventStream::end).
    ///
    /// ```
    /// use http::StatusCode;
    /// use touka::EventStream;
    /// use touka::extract::LastEventId;
    ///
    /// async fn report(from: LastEventId) -> Result<EventStream, StatusCode> {
    ///     if from.ended("done") {
    ///         return Err(StatusCode::NO_CONTENT);
    ///     }
    ///     Ok(EventStream::generate(|out| async move {
    ///         out.emit("all there is").await;
    ///     })
    ///     .end("done"))
    /// }
    /// ```
    pub fn ended(&self, name: &str) -> bool {
        match &self.0 {
            None => false,
            // Compared as text, in the form in which it was sent and came back.
            Some(id) => id.to_string() == name,
        }
    }
}

/// The position that [`Topic::subscribe`](crate::Topic::subscribe) starts from.
impl From<LastEventId> for Option<EventId> {
    fn from(LastEventId(id): LastEventId) -> Self {
        id
    }
}

/// Reads bytes, because a browser sends the id as UTF-8, which `HeaderValue::to_str` rejects.
fn from_header(headers: &HeaderMap) -> Option<EventId> {
    let value = headers.get("last-event-id")?;
    EventId::new(std::str::from_utf8(value.as_bytes()).ok()?).ok()
}

fn from_query(query: &str) -> Option<EventId> {
    let mut pairs = pairs(query);
    let (_, id) = pairs.find(|(name, _)| name == "lastEventId" || name == "last_event_id")?;
    EventId::new(id).ok()
}

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_parts(parts))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn read(target: &str, header: Option<&[u8]>) -> Option<String> {
        let mut request = Request::get(target);
        if let Some(header) = header {
            request = request.header("last-event-id", header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        LastEventId::from_parts(&parts).0.map(|id| id.to_string())
    }

    #[test]
    fn the_header_is_preferred_to_the_query() {
        assert_eq!(read("/", Some("…7".as_bytes())).as_deref(), Some("…7"));
        assert_eq!(read("/?lastEventId=5", Some(b"41")).as_deref(), Some("41"));
        assert_eq!(read("/?a=b&lastEventId=5%20x+y", None).as_deref(), Some("5 x y"));
        assert_eq!(read("/?last_event_id=%E2%80%A67", None).as_deref(), Some("…7"));
        assert_eq!(read("/", None), None);
        assert_eq!(read("/?lasteventid=5", None), None);
    }

    #[test]
    fn hostile_input_is_none() {
        for hostile in [&b""[..], b"\xff\xfe", b"\tx", " \u{85}".as_bytes(), &[b'x'; 257]] {
            assert_eq!(read("/", Some(hostile)), None, "{hostile:?}");
        }
        for hostile in ["/?lastEventId=", "/?lastEventId", "/?lastEventId=%0A", "/?lastEventId=%FF%00"] {
            assert_eq!(read(hostile, None), None, "{hostile}");
        }
        assert_eq!(read(&format!("/?lastEventId={}", "x".repeat(257)), None), None);
    }

    #[test]
    fn the_next_number_follows_any_id() {
        let next = |id: &str| LastEventId(EventId::new(id).ok()).next_number();
        assert_eq!([next(""), next("done"), next("-1"), next("0"), next("7")], [1, 1, 1, 1, 8]);
        assert_eq!(next("18446744073709551615"), u64::MAX);
        assert_eq!(next("18446744073709551616"), 1);
    }

    #[test]
    fn ended_compares_texts() {
        let last = |id: &str| LastEventId(EventId::new(id).ok());
        assert!(last("done").ended("done") && last("7").ended("7"));
        assert!(!last("done").ended("doe") && !last("07").ended("7") && !LastEventId(None).ended(""));
    }
}
