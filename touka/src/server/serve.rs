//! [`serve`], which runs a server with the defaults.

use super::app::App;
use super::server::Server;
use crate::error::Result;
use crate::server::accept::listen::IntoListener;

/// Serves an app with the defaults: shorthand for [`Server::serve`].
///
/// An axum app moves from `axum::serve` to touka by this one line. With this crate's feature `axum` the server
/// knows the app's routes, for metrics and spans, and handlers can extract axum's `ConnectInfo<SocketAddr>`.
/// Without the feature, serve `app.into_make_service_with_connect_info::<SocketAddr>()` if a handler extracts
/// it.
///
/// ```no_run
/// # async fn run() -> touka::Result<()> {
/// let app = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
/// touka::serve("127.0.0.1:3000", app).await
/// # }
/// ```
///
/// # Errors
/// The same as [`Server::serve`].
pub async fn serve<A: App<Kind>, Kind>(address: impl IntoListener, app: A) -> Result<()> {
    Server::new().serve(address, app).await
}
