//! Types without a schema are errors only in a contract.

use touka::extract::Json;
use touka::http::StatusCode;
use touka::openapi::Info;
use touka::{EventStream, IntoEvent, Router, contract, route, routes, sse_handler};

#[derive(serde::Serialize, serde::Deserialize)]
struct Price {
    cents: u64,
}

#[derive(IntoEvent)]
#[serde(rename_all_fields = "camelCase")]
enum ShopEvent<T: serde::Serialize + Send + 'static> {
    Priced(Price),
    Changed {
        old_price: Option<Price>,
        #[serde(flatten)]
        more: Price,
        other: T,
    },
    Pair(u8, Price),
}

struct Item;

impl std::str::FromStr for Item {
    type Err = String;

    fn from_str(_: &str) -> Result<Self, String> {
        Ok(Self)
    }
}

struct Refusal;

impl touka::response::IntoResponse for Refusal {
    fn into_response(self) -> touka::response::Response {
        StatusCode::CONFLICT.into_response()
    }
}

#[sse_handler]
#[route(POST, "/prices/{item}?{other}")]
async fn prices(item: Item, other: Option<Item>, price: Json<Price>) -> Result<EventStream<ShopEvent<Price>>, Refusal> {
    let _ = (item, other);
    emit!(ShopEvent::Priced(price.0));
}

#[route(GET, "/other")]
async fn other() -> Json<Price> {
    Json(Price { cents: 3 })
}

/// Health, which has a schema.
#[route(GET, "/health")]
async fn health() -> Json<bool> {
    Json(true)
}

fn main() {
    let router: Router = Router::new().mount(routes![prices, other]).mount(contract![health]);
    let document = router.openapi(Info::new("Shop", "1.0.0"));
    assert_eq!(document["paths"].as_object().map(|paths| paths.len()), Some(1));
    assert_eq!(document["paths"]["/health"]["get"]["summary"], "Health, which has a schema.");
}
