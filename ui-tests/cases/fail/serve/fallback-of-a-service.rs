use touka::Router;

fn main() {
    let inner: Router = Router::new();
    let _: Router = Router::new().fallback(inner);
}
