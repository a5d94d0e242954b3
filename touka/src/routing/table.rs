//! [`Table`], which finds the endpoint of a request.

use std::sync::Arc;

use axum_core::extract::Request;
use axum_core::response::Response;
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use super::endpoint::{Endpoint, ResponseFuture, ready};
use crate::extract::{MatchedPath, OriginalUri, Params};
use crate::response::{refusal, without_body};

/// The capture for the rest of a path under the prefix of a nested router. A user cannot write this name in a
/// route's path for a parameter of a function.
pub(super) const REST: &str = "-rest-";

/// Paths to methods to endpoints.
pub(super) struct Table {
    pub(super) tree: matchit::Router<usize>,
    /// The values in the tree are indices of this.
    pub(super) paths: Vec<PathRoutes>,
    pub(super) fallbacks: Vec<Endpoint>,
    /// The prefixes of nested routers that have a fallback, with indices of `fallbacks`.
    pub(super) fallback_tree: matchit::Router<usize>,
    /// The endpoint of paths under no such prefix.
    pub(super) fallback: Option<Endpoint>,
}

/// One path with the endpoint of each of its methods.
pub(super) struct PathRoutes {
    pub(super) path: Arc<str>,
    /// The method is `None` for the endpoint that answers all other methods.
    pub(super) methods: Vec<(Option<Method>, Endpoint)>,
    /// The endpoint of methods that no route answers.
    pub(super) not_allowed: Endpoint,
}

impl Table {
    /// Answers a request. The answer to HEAD is a head alone, also that of a fallback.
    pub(super) fn answer(&self, request: Request) -> ResponseFuture {
        let head = request.method() == Method::HEAD;
        let answer = self.route(request);
        if head { Box::pin(async { without_body(answer.await) }) } else { answer }
    }

    fn route(&self, mut request: Request) -> ResponseFuture {
        let Ok(matched) = self.tree.at(request.uri().path()) else { return self.fall_back(request) };
        let Some(PathRoutes { path, methods, not_allowed }) = self.paths.get(*matched.value) else {
            return self.fall_back(request);
        };
        let find = |wanted: Option<&Method>| {
            methods.iter().find_map(|(method, endpoint)| (method.as_ref() == wanted).then_some(endpoint))
        };
        let get = || if request.method() == Method::HEAD { find(Some(&Method::GET)) } else { None };
        let Some(endpoint) = find(Some(request.method())).or_else(get).or_else(|| find(None)) else {
            return not_allowed.answer(request);
        };
        let params = Params::decode(matched.params.iter());
        request.extensions_mut().insert(params);
        request.extensions_mut().insert(MatchedPath(Arc::clone(path)));
        endpoint.answer(request)
    }

    /// Answers a request whose path no route has.
    fn fall_back(&self, mut request: Request) -> ResponseFuture {
        if let Ok(matched) = self.fallback_tree.at(request.uri().path())
            && let Some(fallback) = self.fallbacks.get(*matched.value)
        {
            let params = Params::decode(matched.params.iter().filter(|(name, _)| *name != REST));
            request.extensions_mut().insert(params);
            return fallback.answer(request);
        }
        match &self.fallback {
            Some(fallback) => fallback.answer(request),
            None => ready(not_found(&request)),
        }
    }

    /// The endpoint of a path whose routes answer other methods.
    pub(super) fn not_allowed<'a>(methods: impl Iterator<Item = &'a Method>) -> Endpoint {
        let mut allowed: Vec<&str> = methods.map(Method::as_str).collect();
        if allowed.contains(&"GET") && !allowed.contains(&"HEAD") {
            allowed.push("HEAD");
        }
        allowed.sort_unstable();
        let allowed = allowed.join(", ");
        Endpoint::new(move |request| ready(not_allowed(&request, &allowed)))
    }
}

fn not_found(request: &Request) -> Response {
    let line = format!("no route at {}", shown(request.uri().path()));
    refusal(StatusCode::NOT_FOUND, &line)
}

fn not_allowed(request: &Request, allowed: &str) -> Response {
    let OriginalUri(uri) = OriginalUri::of(request.extensions(), request.uri());
    let path = shown(uri.path());
    let line = format!("{path} does not answer {}, only {allowed}", shown(request.method().as_str()));
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, &line);
    if let Ok(value) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// The part of a request's text that an answer repeats.
fn shown(text: &str) -> &str {
    const LONGEST: usize = 200;
    // The URIs and methods of hyper are ASCII, but those of a `Request` made by hand need not be.
    text.get(..LONGEST).unwrap_or(text)
}
