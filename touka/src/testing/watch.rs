//! Counts what is alive of an app, so that a test can assert that nothing is.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::stream::Link;

/// What there can be of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The test still has the client.
    Client,
    /// The server's task.
    Connection,
    /// The handler has not answered.
    Request,
    /// The response has not ended.
    Body,
}

/// How messages call one of them, and several.
const PARTS: [(Part, &str, &str); 4] = [
    (
        Part::Client,
        "client still connected (drop it, or call `disconnect`)",
        "clients still connected (drop them, or call `disconnect`)",
    ),
    (Part::Connection, "connection", "connections"),
    (Part::Request, "handler that has not answered", "handlers that have not answered"),
    (Part::Body, "response body", "response bodies"),
];

/// What is alive of one app.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// By request line. Sorted, so that a message reads alike in each run.
    alive: BTreeMap<String, [usize; PARTS.len()]>,
    /// Event streams. They are known by their own word, not by their body: a layer can have taken
    /// the body apart.
    streams: Vec<(String, Link)>,
}

impl Watch {
    /// Watches what belongs to one request.
    pub(super) fn exchange(&self, line: String) -> Exchange {
        Exchange { watch: self.clone(), line: line.into() }
    }

    /// One line for each route of which something is alive.
    pub(super) fn left(&self) -> Vec<String> {
        let mut counts = self.lock();
        counts.streams.retain(|(_, stream)| stream.is_open());
        let mut left: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (line, alive) in &counts.alive {
            let here = PARTS.iter().filter(|(part, ..)| alive[*part as usize] > 0);
            let texts = here.map(|&(part, one, more)| counted(alive[part as usize], one, more));
            left.entry(line).or_default().extend(texts);
        }
        // A stream that has its body is named by it.
        let stray = |line: &str| counts.alive.get(line).is_none_or(|alive| alive[Part::Body as usize] == 0);
        for (line, _) in counts.streams.iter().filter(|(line, _)| stray(line)) {
            left.entry(line).or_default().push("1 event stream that something took out of its response".to_owned());
        }
        left.into_iter().map(|(line, parts)| format!("{line}: {}", parts.join(", "))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number and what it counts.
pub(super) fn counted(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// One request, for whoever watches its parts.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    watch: Watch,
    line: Arc<str>,
}

impl Exchange {
    /// Counts one part for as long as what is returned lives.
    pub(super) fn alive(&self, part: Part) -> Alive {
        self.watch.lock().alive.entry(self.line.to_string()).or_default()[part as usize] += 1;
        Alive { exchange: self.clone(), part }
    }

    fn stream(&self, stream: Link) {
        self.watch.lock().streams.push((self.line.to_string(), stream));
    }
}

/// One part that is alive.
#[derive(Debug)]
pub(super) struct Alive {
    exchange: Exchange,
    part: Part,
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut counts = self.exchange.watch.lock();
        if let Some(alive) = counts.alive.get_mut(&*self.exchange.line) {
            alive[self.part as usize] -= 1;
            if *alive == [0; PARTS.len()] {
                counts.alive.remove(&*self.exchange.line);
            }
        }
    }
}

/// A service whose request and response are counted.
#[derive(Clone, Debug)]
pub(super) struct Watched<V> {
    pub(super) service: V,
    pub(super) exchange: Exchange,
}

impl<V, R, B> Service<R> for Watched<V>
where
    V: Service<R, Response = http::Response<B>>,
{
    type Response = http::Response<WatchedBody<B>>;
    type Error = V::Error;
    type Future = WatchedAnswer<V::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), V::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let alive = self.exchange.alive(Part::Request);
        WatchedAnswer { answer: self.service.call(request), exchange: self.exchange.clone(), _alive: alive }
    }
}

pin_project! {
    pub(super) struct WatchedAnswer<F> {
        #[pin]
        answer: F,
        exchange: Exchange,
        // After the future, so that it counts until that is gone.
        _alive: Alive,
    }
}

impl<F, B, E> Future for WatchedAnswer<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
{
    type Output = Result<http::Response<WatchedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.answer.poll(cx))?;
        if let Some(stream) = response.extensions().get::<Link>() {
            this.exchange.stream(stream.clone());
        }
        let alive = this.exchange.alive(Part::Body);
        Poll::Ready(Ok(response.map(|body| WatchedBody { body, _alive: alive })))
    }
}

pin_project! {
    pub(super) struct WatchedBody<B> {
        #[pin]
        body: B,
        _alive: Alive,
    }
}

impl<B: Body<Data = Bytes>> Body for WatchedBody<B> {
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
