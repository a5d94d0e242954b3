//! [`Route`], one method and path with its handler.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use axum_core::extract::Request;
use axum_core::response::IntoResponse;
use http::Method;

use super::endpoint::{Endpoint, ResponseFuture};
use super::group::Wrap;
use crate::extract::MatchedPath;
#[cfg(feature = "openapi")]
use crate::openapi::{Operation, Routed};
use crate::response::catch_panic;
use crate::stream::catch;

/// A handler with its type erased.
pub(super) type BoxedHandler<S> = Arc<dyn Fn(Request, S) -> ResponseFuture + Send + Sync>;

/// One method and path with the handler that answers it. `#[route]` makes one of a function.
///
/// ```
/// use http::Method;
/// use touka::{Event, EventStream, Router, extract::Params, routing::Route};
///
/// let greet = Route::new(Method::GET, "/greet/{name}", |request, _state: ()| async move {
///     let (parts, _body) = request.into_parts();
///     let name: String = Params::from_parts(&parts).parse("name")?;
///     Ok::<EventStream, touka::extract::ParamRejection>(EventStream::generate(|out| async move {
///         out.emit(format!("hello {name}")).await;
///     }))
/// });
/// let router = Router::new().mount([greet]);
/// ```
pub struct Route<S = ()> {
    /// `None` matches every method.
    method: Option<Method>,
    path: String,
    name: &'static str,
    handler: BoxedHandler<S>,
    /// The description of the handler, if the route is in the contract.
    #[cfg(feature = "openapi")]
    describe: Option<fn(&mut Operation<'_>)>,
    /// The layers and prefixes of the routers that this route was nested in, innermost first.
    pub(super) wraps: Vec<Wrap>,
}

impl<S> Route<S> {
    /// Makes a route by hand. The syntax of the path is that of matchit: `/fixed`, `/{capture}`, `/{*rest}`.
    ///
    /// A handler that panics before it answers is a 500 of its own request. No other request is affected.
    pub fn new<H, F>(method: Method, path: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Request, S) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + Send + 'static,
    {
        let handler = move |request: Request, state| -> ResponseFuture {
            let matched = request.extensions().get::<MatchedPath>().cloned();
            let answer = catch(|| handler(request, state));
            Box::pin(async move {
                let answer = answer.map(|answer| async { answer.await.into_response() });
                let mut response = catch_panic("the handler of this path failed", answer).await;
                if let Some(matched) = matched {
                    matched.record(response.extensions_mut());
                }
                response
            })
        };
        let name = "a handler without a name";
        Self {
            method: Some(method),
            path: path.into(),
            name,
            handler: Arc::new(handler),
            #[cfg(feature = "openapi")]
            describe: None,
            wraps: Vec::new(),
        }
    }

    /// Makes a route for every method, also for those that are not standard. At the same path, a route for one
    /// method has precedence.
    ///
    /// ```
    /// use touka::Router;
    /// use touka::extract::Request;
    /// use touka::routing::Route;
    ///
    /// let echo = Route::any("/echo", |request: Request, _state: ()| async move { request.into_body() });
    /// assert_eq!(echo.method(), None);
    /// let app: Router = Router::new().mount([echo]);
    /// ```
    pub fn any<H, F>(path: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Request, S) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + Send + 'static,
    {
        Self { method: None, ..Self::new(Method::GET, path, handler) }
    }

    /// Names the handler, for error messages and the list of routes.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The method of the route, or `None` if it matches every method. A route for GET answers HEAD too.
    pub const fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The method as `#[route]` spells it.
    pub(super) fn method_name(&self) -> &str {
        self.method.as_ref().map_or("ANY", Method::as_str)
    }

    /// The path as it was written, after the prefix of the routers that it is nested in.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The full name of the handler, such as `chat::rooms::feed`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Puts the route into the contract. The function adds what the handler reads and answers.
    ///
    /// [`contract!`](crate::contract!) does that for routes of `#[route]`.
    ///
    /// ```
    /// use touka::http::{Method, StatusCode};
    /// use touka::openapi::Info;
    /// use touka::routing::Route;
    /// use touka::Router;
    ///
    /// let ping = Route::new(Method::GET, "/ping", |_, _state: ()| async { "pong" })
    ///     .named("app::ping")
    ///     .described(|operation| operation.text_response(StatusCode::OK, "The server is there."));
    /// let document = Router::new().mount([ping]).openapi(Info::new("App", "1.0.0"));
    /// assert_eq!(document["paths"]["/ping"]["get"]["operationId"], "ping");
    /// ```
    #[cfg(feature = "openapi")]
    #[must_use]
    pub const fn described(mut self, describe: fn(&mut Operation<'_>)) -> Self {
        self.describe = Some(describe);
        self
    }

    /// The part of the route that the contract needs, if the route is in it.
    #[cfg(feature = "openapi")]
    pub(super) fn routed(&self) -> Option<Routed<'_>> {
        let describe = self.describe?;
        Some(Routed { method: self.method_name(), path: &self.path, handler: self.name, describe })
    }

    pub(super) fn under(mut self, prefix: &str) -> Self {
        // "/api" and "/" make "/api", and no route is reached by two spellings.
        let path = if self.path == "/" && !prefix.is_empty() { "" } else { &self.path };
        self.path = format!("{prefix}{path}");
        self
    }
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Gives the handler its state. The route then fits a router with state of any type.
    pub(super) fn bind<S2: 'static>(self, state: S) -> Route<S2> {
        let handler = self.handler;
        Route {
            method: self.method,
            path: self.path,
            name: self.name,
            handler: Arc::new(move |request, _| handler(request, state.clone())),
            #[cfg(feature = "openapi")]
            describe: self.describe,
            wraps: self.wraps,
        }
    }
}

impl Route {
    pub(super) fn endpoint(&self) -> Endpoint {
        let handler = Arc::clone(&self.handler);
        Endpoint::new(move |request| handler(request, ()))
    }
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self {
            method: self.method.clone(),
            path: self.path.clone(),
            name: self.name,
            handler: Arc::clone(&self.handler),
            #[cfg(feature = "openapi")]
            describe: self.describe,
            wraps: self.wraps.clone(),
        }
    }
}

impl<S> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({self})")
    }
}

/// Method, path and handler, as in `GET /clock → demo::clock` or `ANY /proxy → demo::proxy`.
impl<S> fmt::Display for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} → {}", self.method_name(), self.path, self.name)
    }
}
