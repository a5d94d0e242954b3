//! [`State`], the state of the app or a part of it.

use std::convert::Infallible;
use std::ops::{Deref, DerefMut};

use axum_core::extract::{FromRef, FromRequestParts};
use http::request::Parts;

/// The app's state, or a part of it that [`FromRef`] takes from the state that
/// [`Router::with_state`](crate::Router::with_state) was given.
///
/// ```
/// use touka::extract::State;
/// use touka::{EventStream, route, sse_handler};
///
/// #[derive(Clone)]
/// struct App {
///     greeting: &'static str,
/// }
///
/// #[sse_handler]
/// #[route(GET, "/hello")]
/// async fn hello(State(app): State<App>) {
///     emit!(app.greeting);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

impl<S, T> FromRequestParts<S> for State<T>
where
    T: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for State<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
