//! The finished table of routes: finds the endpoint of a request, or says why there is none.

use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::Response;
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use super::endpoint::{Endpoint, ResponseFuture};
use crate::extract::{MatchedPath, Params};
use crate::response::refusal;

/// Paths to methods to endpoints.
pub(super) struct Table {
    pub(super) tree: matchit::Router<usize>,
    /// What the tree's numbers stand for.
    pub(super) nodes: Vec<Node>,
    pub(super) fallback: Option<Endpoint>,
}

/// One path, and what answers each of its methods.
pub(super) struct Node {
    pub(super) path: Arc<str>,
    /// The method is `None` for the endpoint that answers all other methods.
    pub(super) methods: Vec<(Option<Method>, Endpoint)>,
}

impl Table {
    pub(super) fn answer(&self, mut request: Request) -> ResponseFuture {
        let Ok(matched) = self.tree.at(request.uri().path()) else {
            return match &self.fallback {
                Some(fallback) => fallback.answer(request),
                None => ready(not_found(&request)),
            };
        };
        let Some(Node { path, methods }) = self.nodes.get(*matched.value) else { return ready(not_found(&request)) };
        let find = |wanted: Option<&Method>| {
            methods.iter().find_map(|(method, endpoint)| (method.as_ref() == wanted).then_some(endpoint))
        };
        let head = request.method() == Method::HEAD;
        let get = || if head { find(Some(&Method::GET)) } else { None };
        let Some(endpoint) = find(Some(request.method())).or_else(get).or_else(|| find(None)) else {
            return ready(not_allowed(&request, methods));
        };
        let params = Params::decode(matched.params.iter());
        request.extensions_mut().insert(params);
        request.extensions_mut().insert(MatchedPath(Arc::clone(path)));
        let answer = endpoint.answer(request);
        if head { Box::pin(async { without_body(answer.await) }) } else { answer }
    }
}

fn ready(response: Response) -> ResponseFuture {
    Box::pin(std::future::ready(response))
}

/// Only the head was asked for. The body of a stream that nobody reads must not wait for a client.
fn without_body(response: Response) -> Response {
    response.map(|_| Body::empty())
}

fn not_found(request: &Request) -> Response {
    let line = format!("no route at {}", shown(request.uri().path()));
    refusal(StatusCode::NOT_FOUND, &line)
}

fn not_allowed(request: &Request, methods: &[(Option<Method>, Endpoint)]) -> Response {
    let mut allowed: Vec<&str> = methods.iter().filter_map(|(method, _)| method.as_ref().map(Method::as_str)).collect();
    if allowed.contains(&"GET") && !allowed.contains(&"HEAD") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    let allowed = allowed.join(", ");
    let path = shown(request.uri().path());
    let line = format!("{path} does not answer {}, only {allowed}", shown(request.method().as_str()));
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, &line);
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// As much of a text from the request as one line should repeat.
fn shown(text: &str) -> &str {
    const LONGEST: usize = 200;
    // hyper's URIs and methods are ASCII, but a `Request` made by hand need not be.
    text.get(..LONGEST).unwrap_or(text)
}
