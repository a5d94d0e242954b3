use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::Mutex;
use touka::extract::{Json, LastEventId, State};
use touka::response::{Result, StatusCode};
use touka::topic::OnGap;
use touka::{EventStream, Hub, IntoEvent, Router, route, routes};

/// Articles and their quantities.
type Cart = BTreeMap<String, u32>;

/// The events of a cart. They have values and no differences, so it does no harm to apply one twice.
#[derive(IntoEvent)]
enum CartEvent {
    /// The whole cart: the page replaces what it shows.
    Cart(Cart),
    /// The new quantity of one article; 0 removes it.
    Changed { article: String, quantity: u32 },
}

#[derive(Clone)]
struct App {
    hub: Hub,
    /// The carts by user. Your app has a database.
    carts: Arc<Mutex<HashMap<String, Cart>>>,
}

impl App {
    async fn load(&self, user: &str) -> Result<[CartEvent; 1]> {
        let cart = self.carts.lock().await.get(user).cloned();
        Ok([CartEvent::Cart(cart.unwrap_or_default())])
    }
}

/// The cart, and then its changes. After a gap, the cart again.
#[route(GET, "/carts/{user}")]
async fn cart(State(app): State<App>, user: String, from: LastEventId) -> Result<EventStream<CartEvent>> {
    let topic = app.hub.topic(format!("carts/{user}"))?;
    let snapshot = OnGap::snapshot(async move || app.load(&user).await).initial();
    Ok(topic.subscribe(from).on_gap(snapshot).await?)
}

#[route(PUT, "/carts/{user}/{article}")]
async fn put(State(app): State<App>, user: String, article: String, Json(quantity): Json<u32>) -> Result<StatusCode> {
    let topic = app.hub.topic::<CartEvent>(format!("carts/{user}"))?;
    // Locked for both steps: events have the order of the changes. A change comes before its event, so that it is in
    // every cart that is loaded after the event.
    let mut carts = app.carts.lock().await;
    let cart = carts.entry(user).or_default();
    if quantity == 0 {
        cart.remove(&article)
    } else {
        cart.insert(article.clone(), quantity)
    };
    topic.publish(CartEvent::Changed { article, quantity }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn app() -> Router {
    Router::new().mount(routes![cart, put]).with_state(App { hub: Hub::memory(), carts: Arc::default() })
}
