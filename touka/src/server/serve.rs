//! [`serve`], a server with the defaults.

use super::app::App;
use super::server::Server;
use crate::error::Result;
use crate::server::accept::listen::IntoListener;

/// Serves an app with the defaults: [`Server::serve`].
///
/// An axum app moves here from `axum::serve` by this one line. With the feature `axum` of this crate the
/// server knows its routes, for metrics and spans, and its handlers can take axum's
/// `ConnectInfo<SocketAddr>`; without it, serve `app.into_make_service_with_connect_info::<SocketAddr>()`
/// where a handler takes that.
///
/// ```no_run
/// # async fn run() -> touka::Result<()> {
/// let app = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
/// touka::serve("127.0.0.1:3000", app).await
/// # }
/// ```
///
/// # Errors
/// As [`Server::serve`].
pub async fn serve<A: App<Kind>, Kind>(address: impl IntoListener, app: A) -> Result<()> {
    Server::new().serve(address, app).await
}
