//! [`Router::serve`], for a router that has its state.

use super::router::Router;
use crate::error::Result;
use crate::server::{IntoListener, Server};

impl<S> Router<S> {
    /// Serves the app: [`Server::serve`] with the defaults.
    ///
    /// ```no_run
    /// use touka::{Router, route, routes};
    ///
    /// #[route(GET, "/")]
    /// async fn index() -> &'static str {
    ///     "hello"
    /// }
    ///
    /// #[tokio::main]
    /// async fn main() -> touka::Result<()> {
    ///     Router::new().mount(routes![index]).serve("127.0.0.1:3000").await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Server::serve`].
    ///
    /// # Cancellation
    /// As [`Server::serve`].
    pub async fn serve(self, address: impl IntoListener) -> Result<()>
    where
        Self: StateGiven<S>,
    {
        Server::new().serve(address, self.router()).await
    }
}

/// A router that can be served: its handlers need no state. The compiler's error names [`Router::with_state`].
#[diagnostic::on_unimplemented(
    message = "the handlers of this router need a state of type `{S}`",
    label = "this router has no state yet",
    note = "give the state before the router is served: `.with_state(state).serve(address)`"
)]
pub trait StateGiven<S> {
    #[doc(hidden)]
    fn router(self) -> Router;
}

#[diagnostic::do_not_recommend]
impl StateGiven<()> for Router {
    fn router(self) -> Router {
        self
    }
}
