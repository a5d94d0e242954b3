//! [`Wrap`], one step from the route of a nested router to the router around it: layers, or a prefix.

use std::sync::{Arc, OnceLock};

use axum_core::BoxError;
use axum_core::extract::Request;
use axum_core::response::IntoResponse;
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};
use tower_layer::Layer;
use tower_service::Service;

use super::endpoint::{Endpoint, ready};
use crate::extract::OriginalUri;
use crate::response::{FAILED, refusal};

/// A tower layer with its type erased.
pub(super) type LayerFn = Arc<dyn Fn(Endpoint) -> Endpoint + Send + Sync>;

/// Erases the type of a layer.
pub(super) fn boxed<L>(layer: L) -> LayerFn
where
    L: Layer<Endpoint> + Send + Sync + 'static,
    L::Service: Service<Request, Response: IntoResponse + 'static, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    Arc::new(move |inner| Endpoint::from_layer(layer.layer(inner)))
}

/// A step that a nested or merged router puts around one of its routes or fallbacks.
#[derive(Clone)]
pub(super) enum Wrap {
    /// The router's layers.
    All(Arc<Group>),
    /// The router's route layers.
    Routes(Arc<Group>),
    /// Removes as many segments from the front of the path as the router's prefix has.
    Strip(usize),
}

impl Wrap {
    pub(super) fn all(layers: Vec<LayerFn>) -> Option<Self> {
        Group::new(layers).map(Self::All)
    }

    pub(super) fn routes(layers: Vec<LayerFn>) -> Option<Self> {
        Group::new(layers).map(Self::Routes)
    }

    pub(super) fn strip(prefix: &str) -> Self {
        Self::Strip(prefix.matches('/').count())
    }

    /// Whether this step is taken only for requests that match a route.
    pub(super) const fn is_for_routes(&self) -> bool {
        matches!(self, Self::Routes(_))
    }
}

/// Takes the steps, innermost first, around an endpoint.
pub(super) fn wrap<'a>(endpoint: Endpoint, wraps: impl IntoIterator<Item = &'a Wrap>) -> Endpoint {
    wraps.into_iter().fold(endpoint, |inner, wrap| match wrap {
        Wrap::All(group) | Wrap::Routes(group) => Group::around(group, inner),
        &Wrap::Strip(segments) => Endpoint::new(move |request| inner.answer(strip(request, segments))),
    })
}

/// The layers of one router, around all of its routes at once.
///
/// Each layer is applied once, however many routes there are: a layer with state of its own, such as a limit,
/// must not begin anew in each. So the layers wrap an endpoint that finds the route in the request.
pub(super) struct Group {
    layers: Vec<LayerFn>,
    service: OnceLock<Endpoint>,
}

/// The endpoint that the layers of a group are around, on its way through them.
#[derive(Clone)]
struct Inner(Endpoint);

impl Group {
    fn new(layers: Vec<LayerFn>) -> Option<Arc<Self>> {
        (!layers.is_empty()).then(|| Arc::new(Self { layers, service: OnceLock::new() }))
    }

    /// Wraps an endpoint in layers, the last of them outermost.
    pub(super) fn apply(layers: &[LayerFn], endpoint: Endpoint) -> Endpoint {
        layers.iter().fold(endpoint, |inner, layer| layer(inner))
    }

    fn around(group: &Arc<Self>, inner: Endpoint) -> Endpoint {
        let group = Arc::clone(group);
        Endpoint::new(move |mut request| {
            request.extensions_mut().insert(Inner(inner.clone()));
            group.service.get_or_init(|| Self::apply(&group.layers, Self::dispatch())).answer(request)
        })
    }

    fn dispatch() -> Endpoint {
        Endpoint::new(|mut request| {
            if let Some(Inner(endpoint)) = request.extensions_mut().remove() {
                return endpoint.answer(request);
            }
            let error = "a layer has removed the extensions of a request: the router cannot find its route";
            tracing::error!(target: "touka::server", "{error}");
            ready(refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED))
        })
    }
}

/// The request as the nested router sees it: with the rest of the path.
fn strip(mut request: Request, segments: usize) -> Request {
    let original = OriginalUri::of(request.extensions(), request.uri());
    if let Some(stripped) = without_prefix(request.uri(), segments) {
        *request.uri_mut() = stripped;
    }
    request.extensions_mut().insert(original);
    request
}

fn without_prefix(uri: &Uri, segments: usize) -> Option<Uri> {
    let path = uri.path();
    let rest = path.match_indices('/').nth(segments).map_or("/", |(start, _)| &path[start..]);
    let path_and_query = match uri.query() {
        None => PathAndQuery::try_from(rest),
        Some(query) => PathAndQuery::try_from(format!("{rest}?{query}")),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_removed_by_segments() {
        let stripped = |uri: &str, prefix: &str| {
            without_prefix(&uri.parse().unwrap(), prefix.matches('/').count()).map(|uri| uri.to_string())
        };
        assert_eq!(stripped("/api/a/b?c=d", "/api").as_deref(), Some("/a/b?c=d"));
        assert_eq!(stripped("/api?c=d", "/api").as_deref(), Some("/?c=d"));
        assert_eq!(stripped("/api/", "/api").as_deref(), Some("/"));
        assert_eq!(stripped("/users/a%2Fb/x", "/users/{id}").as_deref(), Some("/x"));
        assert_eq!(stripped("http://host:1/api/x", "/api").as_deref(), Some("http://host:1/x"));
    }
}
