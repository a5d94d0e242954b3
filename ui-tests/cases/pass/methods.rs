//! All standard methods, and `ANY`.

use touka::{route, routes};

macro_rules! handlers {
    ($($name:ident $method:ident)*) => {
        $(
            #[route($method, "/")]
            async fn $name() {}
        )*
    };
}

handlers!(connect CONNECT delete DELETE get GET head HEAD options OPTIONS patch PATCH post POST put PUT trace TRACE any ANY);

fn main() {
    let routes: [touka::routing::Route; 10] =
        routes![connect, delete, get, head, options, patch, post, put, trace, any];
    let methods: Vec<&str> =
        routes.iter().map(|route| route.method().map_or("ANY", |method| method.as_str())).collect();
    assert_eq!(methods, ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "ANY"]);
    let _: touka::Router = touka::Router::new().mount(routes);
}
