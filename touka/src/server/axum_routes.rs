//! [`AxumRoutes`], which reports the matched route of an `axum::Router` to the server around it.

#[cfg(feature = "axum")]
pub use layer::{AxumRoutes, TellsRoute};
#[cfg(feature = "axum")]
pub(crate) use with_axum::{add_axum_routes, add_axum_routes_to_make};
#[cfg(not(feature = "axum"))]
pub(crate) use without_axum::{add_axum_routes, add_axum_routes_to_make};

#[cfg(feature = "axum")]
mod with_axum {
    use std::any::Any;
    use std::mem;
    use std::task::{Context, Poll, Waker};

    use axum::Router;
    use axum::routing::IntoMakeService;
    use tower_service::Service;

    use super::AxumRoutes;

    /// Adds the layer [`AxumRoutes`] to an `axum::Router`. Returns any other service unchanged.
    pub(crate) fn add_axum_routes<V: 'static>(mut service: V) -> V {
        if let Some(router) = (&mut service as &mut dyn Any).downcast_mut::<Router>() {
            *router = mem::take(router).layer(AxumRoutes::new());
        }
        service
    }

    /// Adds the layer [`AxumRoutes`] to the router in the result of `into_make_service`. The router in axum's
    /// service with connect info is not accessible.
    pub(crate) fn add_axum_routes_to_make<M: 'static>(mut make: M) -> M {
        if let Some(make) = (&mut make as &mut dyn Any).downcast_mut::<IntoMakeService<Router>>()
            && let Some(router) = router_of(make)
        {
            *make = add_axum_routes(router).into_make_service();
        }
        make
    }

    /// Returns a clone of the router. axum's future is ready at the first poll.
    fn router_of(make: &mut IntoMakeService<Router>) -> Option<Router> {
        let mut made = Box::pin(make.call(()));
        match made.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(router) => router.ok(),
            Poll::Pending => None,
        }
    }
}

#[cfg(not(feature = "axum"))]
mod without_axum {
    pub(crate) fn add_axum_routes<V>(service: V) -> V {
        service
    }

    pub(crate) fn add_axum_routes_to_make<M>(make: M) -> M {
        make
    }
}

#[cfg(feature = "axum")]
mod layer {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use http::{Request, Response};
    use pin_project_lite::pin_project;
    use tower_layer::Layer;
    use tower_service::Service;

    use crate::extract::{MatchedPath, axum_path};

    /// A layer that reports the matched route of an `axum::Router` to touka's server, for the `route` of
    /// metrics, spans and [`OpenStream`](crate::server::OpenStream).
    ///
    /// A server that serves an `axum::Router`, or the result of its `into_make_service`, adds this layer by
    /// itself, and so does [`Router::fallback_service`](crate::Router::fallback_service). It cannot be added to the result of
    /// `into_make_service_with_connect_info`, nor to a router inside another service:
    ///
    /// ```no_run
    /// use std::net::SocketAddr;
    /// use touka::server::AxumRoutes;
    ///
    /// # async fn run(app: axum::Router) -> touka::Result<()> {
    /// let app = app.layer(AxumRoutes::new());
    /// touka::serve("127.0.0.1:3000", app.into_make_service_with_connect_info::<SocketAddr>()).await
    /// # }
    /// ```
    ///
    /// Touka's server provides `ConnectInfo<SocketAddr>` to every service, so serving a plain `app` works as
    /// well.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct AxumRoutes(());

    impl AxumRoutes {
        /// Creates the layer.
        pub const fn new() -> Self {
            Self(())
        }
    }

    impl<S> Layer<S> for AxumRoutes {
        type Service = TellsRoute<S>;

        fn layer(&self, inner: S) -> TellsRoute<S> {
            TellsRoute { inner }
        }
    }

    /// The service of [`AxumRoutes`].
    #[derive(Clone, Debug)]
    pub struct TellsRoute<S> {
        inner: S,
    }

    impl<S, R, B> Service<Request<R>> for TellsRoute<S>
    where
        S: Service<Request<R>, Response = Response<B>>,
    {
        type Response = Response<B>;
        type Error = S::Error;
        type Future = ReportingFuture<S::Future>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
            self.inner.poll_ready(cx)
        }

        fn call(&mut self, request: Request<R>) -> Self::Future {
            let path = axum_path(request.extensions());
            ReportingFuture { inner: self.inner.call(request), path }
        }
    }

    pin_project! {
        /// The future of [`TellsRoute`].
        #[derive(Debug)]
        pub struct ReportingFuture<F> {
            #[pin]
            inner: F,
            path: Option<MatchedPath>,
        }
    }

    impl<F, B, E> Future for ReportingFuture<F>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        type Output = Result<Response<B>, E>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let this = self.project();
            let mut response = ready!(this.inner.poll(cx))?;
            if let Some(path) = this.path.take() {
                path.record_outer(response.extensions_mut());
            }
            Poll::Ready(Ok(response))
        }
    }
}
