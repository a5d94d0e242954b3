//! [`Outgoing`], a request as it is sent and sent again.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, HOST, HeaderName};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::Full;

use super::client::{TestClient, describe};
use super::target::Target;
use super::wait::Limit;
use super::watch::CountedPart;

/// A request and the app that it goes to.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) target: Target,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The timeout of each wait of this request and its response.
    pub(super) timeout: Duration,
}

impl Outgoing {
    /// The request's name in messages.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    /// Adds the headers that every `EventSource` sends, unless the test has set them.
    pub(super) fn accept_events(&mut self) {
        self.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("text/event-stream"));
        self.headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    }

    /// Sets the `Last-Event-ID` of a reconnect; none for the empty id.
    pub(super) fn set_last_id(&mut self, last_id: &str, limit: Limit) {
        const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
        self.headers.remove(LAST_EVENT_ID);
        if !last_id.is_empty() {
            match HeaderValue::from_bytes(last_id.as_bytes()) {
                Ok(id) => self.headers.insert(LAST_EVENT_ID, id),
                Err(_) => limit.fail(&format!("the id {last_id:?} of {} cannot be a header", self.line()), &[]),
            };
        }
    }

    /// Sends the request and reads the head of its response.
    pub(super) async fn send(&self, limit: Limit) -> (Parts, TestClient) {
        let exchange = self.target.watch.exchange(self.line());
        let (stream, valve) = self.target.connect(&exchange);
        let headers = self.headers_to_send();
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers.clone();
        let opened = limit.wait(TestClient::open(stream, valve, exchange.alive(CountedPart::Client), request)).await;
        match opened {
            Some(Ok((head, client))) => {
                if let Some(cookies) = &self.target.cookies {
                    cookies.store(&headers, &self.uri, &head.headers);
                }
                (head, client)
            }
            Some(Err(error)) => {
                let what = format!("{} was not answered: the connection ended", self.line());
                let reason = describe(&error);
                let hint = "did a handler, a layer or the body fail, or had the app been shut down?";
                limit.fail(&what, &[("reason", &reason), ("hint", hint)])
            }
            None => {
                let what = format!("{} was not answered within {:?}", self.line(), limit.timeout());
                let hint = "allow more time with `.timeout(…)`, or check what the handler waits for";
                limit.fail(&what, &[("hint", hint)])
            }
        }
    }

    fn headers_to_send(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        if let Some(cookies) = &self.target.cookies {
            cookies.add_to(&mut headers, &self.uri);
        }
        headers
    }
}
