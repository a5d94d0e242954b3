//! [`Watch`], which counts what is alive of an app, so that a test can assert that nothing is.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::response::StreamExtension;
use crate::stream::Link;
use crate::sync::Mutex;

/// The parts of one request that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountedPart {
    /// The client, while the test has it.
    Client,
    /// The server's task for the connection.
    Connection,
    /// The handler, until it has answered.
    Request,
    /// The response body, until it is dropped.
    Body,
}

/// The texts of a message for one of each part, and for several.
const PARTS: [(CountedPart, &str, &str); 4] = [
    (
        CountedPart::Client,
        "client still connected (drop it, or call `disconnect`)",
        "clients still connected (drop them, or call `disconnect`)",
    ),
    (CountedPart::Connection, "connection", "connections"),
    (CountedPart::Request, "handler that has not answered", "handlers that have not answered"),
    (CountedPart::Body, "response body", "response bodies"),
];

/// The counts of one app.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<Mutex<LiveCounts>>);

#[derive(Debug, Default)]
struct LiveCounts {
    /// By request line. Sorted, so that a message is the same in each run.
    alive: BTreeMap<String, [usize; PARTS.len()]>,
    /// Event streams. They report their own end, because a layer can take the body of a response apart.
    streams: Vec<(String, Link)>,
}

impl Watch {
    /// Begins to count the parts of one request.
    pub(super) fn exchange(&self, line: String) -> Exchange {
        Exchange { watch: self.clone(), line: line.into() }
    }

    /// Returns one line for each request line of which something is alive.
    pub(super) fn left(&self) -> Vec<String> {
        let mut counts = self.0.lock();
        counts.streams.retain(|(_, stream)| stream.is_open());
        let mut left: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (line, alive) in &counts.alive {
            let here = PARTS.iter().filter(|(part, ..)| alive[*part as usize] > 0);
            let texts = here.map(|&(part, one, more)| counted(alive[part as usize], one, more));
            left.entry(line).or_default().extend(texts);
        }
        // A stream whose body is alive is listed as that body.
        let stray = |line: &str| counts.alive.get(line).is_none_or(|alive| alive[CountedPart::Body as usize] == 0);
        for (line, _) in counts.streams.iter().filter(|(line, _)| stray(line)) {
            left.entry(line).or_default().push("1 event stream that something took out of its response".to_owned());
        }
        left.into_iter().map(|(line, parts)| format!("{line}: {}", parts.join(", "))).collect()
    }
}

/// Formats a number with what it counts.
pub(super) fn counted(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// One request, to which parts are added as they come alive.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    watch: Watch,
    line: Arc<str>,
}

impl Exchange {
    /// Counts one part until the returned guard is dropped.
    pub(super) fn alive(&self, part: CountedPart) -> Alive {
        self.watch.0.lock().alive.entry(self.line.to_string()).or_default()[part as usize] += 1;
        Alive { exchange: self.clone(), part }
    }

    fn stream(&self, stream: Link) {
        self.watch.0.lock().streams.push((self.line.to_string(), stream));
    }
}

/// A guard that counts one part.
#[derive(Debug)]
pub(super) struct Alive {
    exchange: Exchange,
    part: CountedPart,
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut counts = self.exchange.watch.0.lock();
        if let Some(alive) = counts.alive.get_mut(&*self.exchange.line) {
            alive[self.part as usize] -= 1;
            if *alive == [0; PARTS.len()] {
                counts.alive.remove(&*self.exchange.line);
            }
        }
    }
}

/// Wraps a service and counts its requests and responses.
#[derive(Clone, Debug)]
pub(super) struct CountedService<V> {
    pub(super) service: V,
    pub(super) exchange: Exchange,
}

impl<V, R, B> Service<R> for CountedService<V>
where
    V: Service<R, Response = http::Response<B>>,
{
    type Response = http::Response<CountedBody<B>>;
    type Error = V::Error;
    type Future = CountedAnswer<V::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), V::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let alive = self.exchange.alive(CountedPart::Request);
        CountedAnswer { answer: self.service.call(request), exchange: self.exchange.clone(), _alive: alive }
    }
}

pin_project! {
    pub(super) struct CountedAnswer<F> {
        #[pin]
        answer: F,
        exchange: Exchange,
        // Dropped after the future, so that the handler counts until it is gone.
        _alive: Alive,
    }
}

impl<F, B, E> Future for CountedAnswer<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
{
    type Output = Result<http::Response<CountedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answer.poll(cx))?;
        if let Some(stream) = StreamExtension::link_of(response.extensions()) {
            this.exchange.stream(stream.clone());
        }
        let alive = this.exchange.alive(CountedPart::Body);
        Poll::Ready(Ok(response.map(|body| CountedBody { body, _alive: alive })))
    }
}

pin_project! {
    pub(super) struct CountedBody<B> {
        #[pin]
        body: B,
        _alive: Alive,
    }
}

impl<B: Body<Data = Bytes>> Body for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
