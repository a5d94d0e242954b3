use std::str::FromStr;

use touka::{contract, route};

struct Id(u64);

impl FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Id)
    }
}

#[route(GET, "/items/{id}")]
async fn item(id: Id) -> String {
    id.0.to_string()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![item]);
}
