use touka::extract::ConnectInfo;
use touka::{Router, Server, route, routes, sse_handler};

#[route(GET, "/whoami")]
async fn whoami(ConnectInfo(client): ConnectInfo) -> String {
    client.ip().to_string()
}

#[sse_handler]
#[route(GET, "/hello")]
async fn hello(ConnectInfo(client): ConnectInfo) {
    emit!(format!("hello, {}", client.ip()));
}

/// Believes the proxy on this machine, and no other peer.
pub(crate) fn server() -> touka::Result<Server> {
    Server::new().trust_proxies(["127.0.0.1"])
}

pub(crate) fn app() -> Router {
    Router::new().mount(routes![whoami, hello])
}
