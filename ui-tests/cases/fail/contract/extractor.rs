use touka::extract::FromRequestParts;
use touka::http::StatusCode;
use touka::http::request::Parts;
use touka::{contract, route};

struct User;

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Ok(Self)
    }
}

#[route(GET, "/mine")]
async fn mine(_user: User) -> String {
    String::new()
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![mine]);
}
