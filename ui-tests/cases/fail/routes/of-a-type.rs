use touka::routes;

struct Clock;

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![Clock]);
}
