use std::str::FromStr;

use touka::{contract, route};

struct Order;

impl FromStr for Order {
    type Err = String;

    fn from_str(_: &str) -> Result<Self, String> {
        Ok(Self)
    }
}

#[route(GET, "/items?{order}")]
async fn items(order: Option<Order>) -> String {
    order.is_some().to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![items]);
}
